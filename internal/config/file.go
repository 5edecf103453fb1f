package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// DefaultFile is the file that is read if no other was named and it is there.
const DefaultFile = "whipper.yaml"

// PoolName is what a pool may be called, so that its name needs no quotes in a shell, a log or a URL.
var PoolName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// File is what a whipper.yaml says, with the defaults for what it does not say.
type File struct {
	Path       string // as it was named
	Dir        string // absolute; the file's folder, from which its relative paths go
	Supervisor Supervisor
	Pools      []*Pool // in the order of the file; at least one

	content string
}

// Source is how a file is read.
type Source struct {
	Path string

	// Base is what holds where the file says nothing, and Fixed names the settings that hold whatever it says: those that
	// were given on the command line.
	Base  Supervisor
	Fixed map[string]bool

	// Lookup finds an environment variable; nil: in the environment.
	Lookup func(name string) (string, bool)
}

// Load reads a file. What is wrong with it is a *FileError, which has all that is wrong with it.
func Load(s Source) (*File, error) {
	folder, err := filepath.Abs(filepath.Dir(s.Path))
	if err != nil {
		return nil, fmt.Errorf("find the folder of %s: %w", s.Path, err)
	}
	content, err := readBounded(s.Path)
	if err != nil {
		return nil, err
	}
	return s.read(folder, content)
}

func readBounded(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, mostBytes+1))
	if err != nil {
		return "", err
	}
	if len(content) > mostBytes {
		return "", &FileError{Path: path, Problems: []Problem{{Text: "the file is larger than 1 MiB"}}}
	}
	return string(content), nil
}

// lineEnds are those of other systems, which YAML knows too.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// read makes sense of a file's content.
func (s Source) read(folder, content string) (*File, error) {
	content = lineEnds.Replace(strings.TrimPrefix(content, "\ufeff"))
	f := &File{Path: s.Path, Dir: folder, Supervisor: s.Base, content: content}
	r := &reader{folder: folder, lookup: s.Lookup}
	if r.lookup == nil {
		r.lookup = os.LookupEnv
	}
	if at, bad := invalidUTF8(content); bad {
		r.problems.add(at, "the file is not UTF-8")
		return nil, r.problems.err(s.Path, content)
	}
	root := parse(content, &r.problems)
	switch {
	case root == nil && len(r.problems.all) > 0:
	case root == nil || root.kind == nothing:
		r.problems.add(Place{}, "the file is empty: it needs at least a pool, as in\npools:\n  default:\n    script: tasks.py")
	default:
		r.file(f, root, s.Fixed)
	}
	if err := r.problems.err(s.Path, content); err != nil {
		return nil, err
	}
	return f, nil
}

// Problem is err, found while a pool was started, as a problem of the place where the file says what the pool runs.
func (f *File) Problem(p *Pool, err error) error {
	return &FileError{
		Path:     f.Path,
		Problems: []Problem{{p.Place, fmt.Sprintf("pool %q: %v", p.Pool, err)}},
		lines:    strings.Split(f.content, "\n"),
	}
}

// reader fills a File from nodes.
type reader struct {
	problems problems
	folder   string
	lookup   func(string) (string, bool)
	steps    int
}

// key is one key that a mapping may have, and what its value does.
type key struct {
	name string
	set  func(e entry)
}

// Keys of a file beside the settings.
const (
	keyDefaults = "defaults"
	keyPools    = "pools"
	keyScript   = "script"
	keyArgs     = "args"
	keyCommand  = "command"
	keyOwn      = "x-" // a prefix: for the reader's own use, as a place for anchors
)

func (r *reader) file(f *File, root *node, fixed map[string]bool) {
	var defaults, pools *node
	keys := []key{
		{keyDefaults, func(e entry) { defaults = r.wanted(e, mapping, "a mapping of settings is wanted") }},
		{keyPools, func(e entry) { pools = r.wanted(e, mapping, "a mapping from names to pools is wanted") }},
	}
	for _, k := range settingKeys(r, &f.Supervisor, SupervisorSettings) {
		if fixed[k.name] {
			k = settingKeys(r, NewSupervisor(), []Setting[Supervisor]{settingNamed(SupervisorSettings, k.name)})[0] // its errors count
		}
		keys = append(keys, k)
	}
	if root.kind != mapping {
		r.problems.add(root.Place, "%s, where a mapping with the key pools is wanted", root.kind)
		return
	}
	places := r.mapping(root, "", keys)
	for _, s := range SupervisorSettings {
		if path, ok := s.Value(&f.Supervisor).(*Path); ok && !fixed[s.Name] {
			path.from(r.folder)
		}
	}
	if defaults != nil {
		r.pool(NewPool(), defaults, "defaults", false) // once for itself, for there may be no pool
	}
	if _, there := places[keyPools]; !there || pools != nil && len(pools.keys) == 0 {
		r.problems.add(places[keyPools], "no pools: add one, as in\npools:\n  default:\n    script: tasks.py")
	}
	if pools == nil {
		return
	}
	for _, e := range pools.keys {
		if !PoolName.MatchString(e.name) {
			r.problems.add(e.Place, "%q is no name for a pool: it may have 1 to 64 letters, digits and . _ -", e.name)
			continue
		}
		if e.value == nil || !r.step(e.Place) {
			continue // said already
		}
		body := r.wanted(e, mapping, "a mapping of settings is wanted")
		if body == nil {
			continue
		}
		p := NewPool()
		p.Pool, p.Place = e.name, e.Place
		places = map[string]Place{}
		if defaults != nil {
			places = r.pool(p, defaults, "defaults", false)
		}
		for name, at := range r.pool(p, body, fmt.Sprintf("pool %q", e.name), true) {
			places[name] = at
		}
		r.check(p, e, places)
		f.Pools = append(f.Pools, p)
	}
}

// pool reads settings of a pool into p, and says where each stands. Only a pool itself says what it runs.
func (r *reader) pool(p *Pool, m *node, where string, itself bool) map[string]Place {
	keys := settingKeys(r, p, PoolSettings)
	if itself {
		keys = append(keys,
			key{keyScript, func(e entry) {
				r.scalar(e, &Path{S: &p.Script})
			}},
			key{keyArgs, func(e entry) { p.Args = r.list(e, "args: [--fast, 3]") }},
			key{keyCommand, func(e entry) {
				if e.value != nil && e.value.kind == scalar {
					r.problems.add(e.value.Place, "command: a single value, where a list is wanted, as in [node, worker.mjs]: no shell reads it")
					return
				}
				if p.Command = r.list(e, "command: [node, worker.mjs]"); e.value != nil && e.value.kind == list && len(e.value.items) == 0 {
					r.problems.add(e.value.Place, "command: the list is empty")
				}
			}})
	}
	places := r.mapping(m, where, keys)
	if at, ok := places[keyScript]; ok && itself {
		p.Place = at
	} else if at, ok := places[keyCommand]; ok && itself {
		p.Place = at
	}
	return places
}

// check looks at what the settings of a pool make together.
func (r *reader) check(p *Pool, e entry, places map[string]Place) {
	_, hasScript := places[keyScript]
	command, hasCommand := places[keyCommand]
	switch {
	case hasScript && hasCommand:
		r.problems.add(command, "pool %q has a script and a command: it can run only one", e.name)
	case !hasScript && !hasCommand:
		r.problems.add(e.Place, "pool %q has neither a script nor a command", e.name)
	}
	if hasCommand && len(p.Command) > 0 {
		(&Path{S: &p.Command[0], Program: true}).from(r.folder)
	}
	if at, ok := places[keyArgs]; ok && !hasScript && hasCommand {
		r.problems.add(at, "args go with a script: those of a command are part of its list")
	}
	if p.Dir == "" {
		p.Dir = r.folder
	}
	if name, value := p.NotForScripts(); name != "" && !hasCommand {
		r.problems.add(places[name], "pool %q: %s %s is not for a script: the built-in runners speak whipper's own protocol, one message a line; "+
			"leave it out, or give the pool a command", e.name, name, value)
	}
	if err := p.ReadHandshake(); err != nil {
		at, ok := places["handshake-file"]
		if !ok {
			at = places["handshake"]
		}
		r.problems.add(at, "pool %q: %v", e.name, err)
		return // a custom handshake that is missing would be a second problem
	}
	o := p.Options
	if len(o.Command) == 0 {
		o.Command = []string{"-"} // it is the script's runner, which is not known yet
	}
	for _, problem := range optionProblems(o.Check()) {
		at, ok := places[problem.name]
		if !ok {
			at = e.Place
		}
		r.problems.add(at, "pool %q: %s", e.name, problem.text)
	}
}

// settingKeys are the keys of a table; each reads its value into t.
func settingKeys[T any](r *reader, t *T, settings []Setting[T]) []key {
	keys := make([]key, len(settings))
	for i, s := range settings {
		keys[i] = key{s.Name, func(e entry) { r.value(e, s.Value(t)) }}
	}
	return keys
}

// mapping hands each key of m to the one who knows it, and says where each stands. where is what m is, "" for the whole file.
func (r *reader) mapping(m *node, where string, keys []key) map[string]Place {
	places := map[string]Place{}
	for _, e := range m.keys {
		if !r.step(e.Place) {
			return places
		}
		i := slices.IndexFunc(keys, func(k key) bool { return k.name == e.name })
		switch {
		case i >= 0:
			places[e.name] = e.Place
			keys[i].set(e)
		case where == "" && strings.HasPrefix(e.name, keyOwn):
		default:
			r.unknown(e, where, keys)
		}
	}
	return places
}

// unknown reports a key that has no business where it is.
func (r *reader) unknown(e entry, where string, keys []key) {
	in := ""
	if where != "" {
		in = " in " + where
	}
	var names []string
	for _, k := range keys {
		names = append(names, k.name)
	}
	switch near := Nearest(e.name, names); {
	case where != "" && slices.ContainsFunc(SupervisorSettings, func(s Setting[Supervisor]) bool { return s.Name == e.name }):
		r.problems.add(e.Place, "%s%s: it is a setting of the supervisor, and stands at the top", e.name, in)
	case where == "" && slices.ContainsFunc(PoolSettings, func(s Setting[Pool]) bool { return s.Name == e.name }):
		r.problems.add(e.Place, "%s: it is a setting of a pool, and stands in one or in defaults", e.name)
	case slices.Contains([]string{keyScript, keyArgs, keyCommand}, e.name):
		r.problems.add(e.Place, "%s%s: it is a pool's own, and stands in one", e.name, in)
	case near != "":
		r.problems.add(e.Place, "unknown key %q%s: did you mean %s?", e.name, in, near)
	default:
		r.problems.add(e.Place, "unknown key %q%s", e.name, in)
	}
}

// value reads one setting.
func (r *reader) value(e entry, v Value) {
	switch v := v.(type) {
	case *Assignments:
		r.assignments(e, v)
	case *List:
		*v.Items = r.list(e, e.name+": [one, two]") // instead of the list in defaults
	case *Retention:
		r.retention(e, v)
	case *Addresses:
		*v.Items = r.list(e, e.name+": [tcp://127.0.0.1:8080]")
		v.from(r.folder)
	case *Paths:
		*v.Items = r.list(e, e.name+": [one, two]")
		v.from(r.folder)
	default:
		r.scalar(e, v)
	}
}

// scalar reads a setting of one value.
func (r *reader) scalar(e entry, v Value) {
	n := r.wanted(e, scalar, describe(v).wanted+" is wanted")
	if n == nil {
		return
	}
	text, ok := r.text(e.name, n)
	if !ok {
		return
	}
	err := v.Set(text)
	if path, ok := v.(*Path); ok && err == nil {
		if text == "" {
			err = errors.New("it is empty")
		}
		path.from(r.folder)
	}
	switch {
	case err != nil && text != n.text:
		r.problems.add(n.Place, "%s: %v (with the environment's variables put in)", e.name, err)
	case err != nil:
		r.problems.add(n.Place, "%s: %v", e.name, err)
	}
}

// list reads a list of single values; example shows one.
func (r *reader) list(e entry, example string) []string {
	l := r.wanted(e, list, "a list is wanted, as in "+example)
	if l == nil {
		return nil
	}
	items := []string{}
	for _, item := range l.items {
		if item == nil {
			continue // said already
		}
		if !r.step(item.Place) {
			return nil
		}
		if n := r.wanted(entry{item.Place, e.name, item}, scalar, "a single value is wanted"); n != nil {
			if text, ok := r.text(e.name, n); ok {
				items = append(items, text)
			}
		}
	}
	return items
}

// retention reads rules, each of which must go with those before it.
func (r *reader) retention(e entry, v *Retention) {
	v.Reset()
	for _, item := range r.list(e, e.name+": [30d, failed=90d]") {
		if err := v.Set(item); err != nil {
			r.problems.add(e.value.Place, "%s: %q: %v", e.name, item, err)
		}
	}
}

// assignments reads variables with their values. Those of defaults stay where a pool does not set them.
func (r *reader) assignments(e entry, v *Assignments) {
	m := r.wanted(e, mapping, "a mapping is wanted, as in NAME: value")
	if m == nil {
		return
	}
	for _, variable := range m.keys {
		if !r.step(variable.Place) {
			return
		}
		if strings.ContainsAny(variable.name, "=\x00") || variable.name == "" {
			r.problems.add(variable.Place, "%s: %q is no name of a variable", e.name, variable.name)
			continue
		}
		n := r.wanted(entry{variable.Place, variable.name, variable.value}, scalar, `a single value is wanted; write "" for an empty one`)
		if n == nil {
			continue
		}
		text, ok := r.text(variable.name, n)
		if !ok {
			continue
		}
		*v.Items = slices.DeleteFunc(*v.Items, func(item string) bool { return strings.HasPrefix(item, variable.name+"=") })
		if err := v.Set(variable.name + "=" + text); err != nil {
			r.problems.add(n.Place, "%s: %v", variable.name, err)
		}
	}
}

// wanted is the value of a key if it is of the kind that is wanted, as what says.
func (r *reader) wanted(e entry, k kind, what string) *node {
	switch {
	case e.value == nil:
		return nil // said already
	case e.value.kind == k:
		return e.value
	case e.value.kind == nothing:
		r.problems.add(e.Place, "%s: no value, where %s", e.name, what)
	default:
		r.problems.add(e.value.Place, "%s: %s, where %s", e.name, e.value.kind, what)
	}
	return nil
}

// text is a scalar's text with the environment's variables put in.
func (r *reader) text(name string, n *node) (string, bool) {
	text, err := expand(n.text, r.lookup)
	var bad *expandError
	if errors.As(err, &bad) {
		r.problems.add(n.Place, "%s: %v", name, err)
		return "", false
	}
	if strings.ContainsRune(text, 0) {
		r.problems.add(n.Place, "%s: it holds a zero byte", name)
		return "", false
	}
	return text, true
}

// step counts a value, so that aliases cannot make a small file endless.
func (r *reader) step(at Place) bool {
	if r.steps++; r.steps == mostSteps {
		r.problems.add(at, "aliases lead to more than %d values", mostSteps)
	}
	return r.steps < mostSteps
}

func settingNamed[T any](settings []Setting[T], name string) Setting[T] {
	return settings[slices.IndexFunc(settings, func(s Setting[T]) bool { return s.Name == name })]
}
