package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// schema is the part of JSON Schema that openrpc.json uses.
type schema struct {
	Ref                  string `json:"$ref"`
	Type                 any
	Properties           map[string]schema
	Required             []string
	Items                *schema
	AdditionalProperties any
}

type document struct {
	Methods []struct {
		Name   string
		Params []struct {
			Name     string
			Required bool
			Schema   schema
		}
		Result struct{ Schema schema }
		Errors []struct {
			Ref string `json:"$ref"`
		}
	}
	Notifications []struct {
		Name   string
		Params schema
	} `json:"x-notifications"`
	Components struct {
		Schemas map[string]schema
		Errors  map[string]struct {
			Code int64
			Data struct{ Type string }
		}
	}
}

func TestDiscoverDescribesExactlyWhatTheCodeDoes(t *testing.T) {
	r := serveFake(t, &fakePool{})
	var doc document
	r.dial().must("rpc.discover", "", &doc)
	check := &checker{t: t, doc: &doc, used: map[string]bool{}}

	var names []string
	for _, m := range doc.Methods {
		names = append(names, m.Name)
		known := methods[m.Name]
		if known == nil {
			continue
		}
		params := schema{Properties: map[string]schema{}, Type: "object", AdditionalProperties: false}
		for _, p := range m.Params {
			params.Properties[p.Name] = p.Schema
			if p.Required {
				params.Required = append(params.Required, p.Name)
			}
		}
		check.schema(m.Name+" params", params, known.params)
		if known.result != nil {
			check.schema(m.Name+" result", m.Result.Schema, known.result)
		}
		for _, e := range m.Errors {
			name := strings.TrimPrefix(e.Ref, "#/components/errors/")
			check.used["error "+name] = true
			if _, ok := doc.Components.Errors[name]; !ok {
				t.Errorf("%s: no error %q", m.Name, name)
			}
		}
	}
	params := map[string]reflect.Type{
		jsonrpc.MethodEvent:     reflect.TypeFor[jsonrpc.Event](),
		jsonrpc.MethodProgress:  reflect.TypeFor[jsonrpc.ProgressParams](),
		jsonrpc.MethodStatsNote: reflect.TypeFor[jsonrpc.StatsNote](),
	}
	for _, n := range doc.Notifications {
		check.schema(n.Name+" params", n.Params, params[n.Name])
		delete(params, n.Name)
	}
	if len(params) > 0 {
		t.Errorf("notifications %v are not documented", params)
	}
	slices.Sort(names)
	if want := slices.Sorted(maps.Keys(methods)); !slices.Equal(names, want) {
		t.Errorf("documented methods %v\nmethods of the code  %v", names, want)
	}
	for name := range doc.Components.Schemas {
		if !check.used[name] {
			t.Errorf("schema %s is used nowhere", name)
		}
	}
	for name, e := range doc.Components.Errors {
		if whippers := jsonrpc.Errorf(e.Code, "").Type(); whippers != e.Data.Type {
			t.Errorf("error %s: code %d is type %q, not %q", name, e.Code, whippers, e.Data.Type)
		}
	}
}

// checker holds schemas against Go types.
type checker struct {
	t    *testing.T
	doc  *document
	used map[string]bool
}

func (c *checker) schema(path string, s schema, typ reflect.Type) {
	c.t.Helper()
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if s.Ref != "" {
		name := strings.TrimPrefix(s.Ref, "#/components/schemas/")
		target, ok := c.doc.Components.Schemas[name]
		if !ok {
			c.t.Errorf("%s: no schema %q", path, name)
		}
		if !c.used[name] {
			c.used[name] = true
			c.schema(path, target, typ)
		}
		return
	}
	want := any(nil) // any JSON
	switch {
	case typ == reflect.TypeFor[json.RawMessage]():
		if list, ok := s.Type.([]any); ok { // a payload of which only some shapes are accepted
			if fmt.Sprint(list) != "[array object]" {
				c.t.Errorf("%s: type is %v", path, list)
			}
			return
		}
	case typ == reflect.TypeFor[jsonrpc.Time]() || typ.Kind() == reflect.String:
		want = "string"
	case typ.Kind() == reflect.Bool:
		want = "boolean"
	case typ.Kind() == reflect.Float64:
		want = "number"
	case typ.Kind() == reflect.Int || typ.Kind() == reflect.Int64:
		want = "integer"
	case typ.Kind() == reflect.Slice:
		want = "array"
		if s.Items == nil {
			c.t.Errorf("%s: no items", path)
			return
		}
		c.schema(path+"[]", *s.Items, typ.Elem())
	case typ.Kind() == reflect.Map:
		want = "object"
	case typ.Kind() == reflect.Struct:
		want = "object"
		c.members(path, s, typ)
	default:
		c.t.Errorf("%s: the test knows no %s", path, typ)
	}
	if s.Type != want {
		c.t.Errorf("%s: type is %v in the document, %v in the code", path, s.Type, want)
	}
}

// members compares the members of an object with a struct's fields; those that may be left out are not required.
func (c *checker) members(path string, s schema, typ reflect.Type) {
	c.t.Helper()
	var required []string
	found := map[string]bool{}
	for _, f := range reflect.VisibleFields(typ) {
		if f.Anonymous {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		found[name] = true
		if !strings.Contains(options, "omitempty") {
			required = append(required, name)
		}
		if member, ok := s.Properties[name]; ok {
			c.schema(path+"."+name, member, f.Type)
		} else {
			c.t.Errorf("%s: %s is in the code only", path, name)
		}
	}
	for name := range s.Properties {
		if !found[name] {
			c.t.Errorf("%s: %s is in the document only", path, name)
		}
	}
	if c.optional(typ) {
		return
	}
	if documented := slices.Sorted(slices.Values(s.Required)); !slices.Equal(documented, slices.Sorted(slices.Values(required))) {
		c.t.Errorf("%s: required are %v in the document, %v in the code", path, documented, required)
	}
}

// optional are types whose members a sender may leave out although the type always writes them.
func (c *checker) optional(typ reflect.Type) bool {
	return typ == reflect.TypeFor[jsonrpc.Backoff]() || typ == reflect.TypeFor[jsonrpc.Label]() || typ == reflect.TypeFor[jsonrpc.ListParams]()
}
