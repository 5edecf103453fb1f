package jsonrpc

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"
)

// members are the members that a struct is decoded from, by their exact spelling.
type members map[string]reflect.Type

var membersByType sync.Map // reflect.Type to members: they are looked up with every request

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

func membersOf(t reflect.Type) members {
	if known, ok := membersByType.Load(t); ok {
		return known.(members)
	}
	m := members{}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			for name, typ := range membersOf(f.Type) {
				m[name] = typ
			}
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		m[name] = f.Type
	}
	membersByType.Store(t, m)
	return m
}

// unknownMember finds the first member of a JSON value that its Go type has no field for. Unlike encoding/json, which takes
// "Method" for "method" too, it compares the spelling. Values that do not fit the type, and what is no JSON, are for the
// decoder to find.
func unknownMember(t reflect.Type, value []byte) (name string, found bool) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	s := scanner{b: value}
	switch {
	case reflect.PointerTo(t).Implements(unmarshaler): // has a form of its own, as Time and json.RawMessage
	case t.Kind() == reflect.Slice && value[0] == '[':
		_ = s.array(0, func(element []byte) {
			if !found {
				name, found = unknownMember(t.Elem(), element)
			}
		})
	case t.Kind() == reflect.Struct && value[0] == '{':
		m := membersOf(t)
		_ = s.object(0, func(key, value []byte) {
			if found {
				return
			}
			member := memberName(key)
			if typ, ok := m[string(member)]; ok {
				name, found = unknownMember(typ, value)
			} else {
				name, found = string(member), true
			}
		})
	}
	return name, found
}
