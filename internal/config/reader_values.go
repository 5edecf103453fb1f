package config

import (
	"errors"
	"slices"
	"strings"
)

// value reads one setting.
func (r *reader) value(e entry, v Value) {
	switch v := v.(type) {
	case *Assignments:
		r.assignments(e, v)
	case *Limits:
		r.limits(e, v)
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

// limits reads numbers by method. Those of defaults stay where a pool does not set them.
func (r *reader) limits(e entry, v *Limits) {
	m := r.wanted(e, mapping, "a mapping is wanted, as in METHOD: 2")
	if m == nil {
		return
	}
	for _, method := range m.keys {
		if !r.step(method.Place) {
			return
		}
		n := r.wanted(entry{method.Place, method.name, method.value}, scalar, "a number is wanted")
		if n == nil {
			continue
		}
		if text, ok := r.text(method.name, n); ok {
			if err := v.Set(method.name + "=" + text); err != nil {
				r.problems.add(n.Place, "%s: %v", e.name, err)
			}
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
