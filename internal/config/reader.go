package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

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
		p.Pool, p.Places = e.name, map[string]Place{keyPools: e.Place}
		if defaults != nil {
			maps.Copy(p.Places, r.pool(p, defaults, "defaults", false))
		}
		maps.Copy(p.Places, r.pool(p, body, fmt.Sprintf("pool %q", e.name), true))
		r.check(p, e, p.Places)
		f.Pools = append(f.Pools, p)
	}
	r.checkListen(f.Pools)
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
	return r.mapping(m, where, keys)
}

// checkListen finds addresses that more than one pool would listen on.
func (r *reader) checkListen(pools []*Pool) {
	taken := map[string]string{}
	for _, p := range pools {
		for _, address := range p.Listen {
			if _, where, named := strings.Cut(address, "="); named {
				address = where
			}
			if other, ok := taken[address]; ok && other != p.Pool {
				r.problems.add(p.place("listen"), "pool %q: listen: pool %q listens on %s already", p.Pool, other, address)
			}
			taken[address] = p.Pool
		}
	}
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

func settingNamed[T any](settings []Setting[T], name string) Setting[T] {
	return settings[slices.IndexFunc(settings, func(s Setting[T]) bool { return s.Name == name })]
}
