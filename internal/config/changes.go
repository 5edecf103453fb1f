package config

import (
	"reflect"
	"slices"
)

// Changes names the keys that another file's pool of the same name sets to something else.
func (p *Pool) Changes(other *Pool) []string {
	var names []string
	if p.Script != other.Script {
		names = append(names, keyScript)
	}
	if !slices.Equal(p.Args, other.Args) {
		names = append(names, keyArgs)
	}
	if !slices.Equal(p.Command, other.Command) {
		names = append(names, keyCommand)
	}
	return append(names, changes(PoolSettings, p, other)...)
}

// Changes names the keys that another file sets to something else.
func (s *Supervisor) Changes(other *Supervisor) []string {
	return changes(SupervisorSettings, s, other)
}

func changes[T any](settings []Setting[T], one, other *T) []string {
	var names []string
	for _, s := range settings {
		if !reflect.DeepEqual(field(s.Value(one)), field(s.Value(other))) {
			names = append(names, s.Name)
		}
	}
	return names
}

// field is what the field holds that a value sets: every kind of Value has its address first.
func field(v Value) any { return reflect.ValueOf(v).Elem().Field(0).Elem().Interface() }
