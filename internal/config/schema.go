package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// schema is a JSON Schema, or a part of one.
type schema map[string]any

// Schema is a JSON Schema of whipper.yaml, for editors. It is one of draft 7, the latest that all of them know. It accepts what
// Load accepts, but for ways to write a value that nobody would look for, such as 1 for true. It refuses what can be told
// without the environment, the machine and the rest of the file.
func Schema() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(fileSchema()); err != nil {
		panic(err) // texts, numbers, lists and maps always have a form
	}
	return b.Bytes()
}

func fileSchema() schema {
	properties := settingSchemas(SupervisorSettings)
	properties[keyDefaults] = schema{
		"description":          "settings of each pool that does not say otherwise",
		"type":                 "object",
		"properties":           settingSchemas(PoolSettings),
		"additionalProperties": false,
	}
	properties[keyPools] = schema{
		"description":          "the pools by their names",
		"type":                 "object",
		"minProperties":        1,
		"propertyNames":        schema{"pattern": PoolName.String(), "errorMessage": "a pool's name has 1 to 64 letters, digits and . _ -"},
		"additionalProperties": refer("pool"),
	}
	definitions := maps.Clone(kinds)
	definitions["pool"] = poolSchema()
	return schema{
		"$schema":              "http://json-schema.org/draft-07/schema#",
		"title":                DefaultFile,
		"description":          "what whipper serve runs",
		"type":                 "object",
		"required":             []string{keyPools},
		"properties":           properties,
		"patternProperties":    schema{"^" + keyOwn: schema{"description": "your own, as a place for anchors"}},
		"additionalProperties": false,
		"definitions":          definitions,
	}
}

func poolSchema() schema {
	properties := schema{
		keyScript: described("file of functions, which runs under the built-in runner", refer("path")),
		keyArgs:   described("arguments of the script", listOf("text")),
		keyCommand: schema{
			"description":     "program that speaks JSON-RPC 2.0 on its stdin and stdout, and its arguments, as a list",
			"type":            "array",
			"items":           []any{refer("path")},
			"additionalItems": refer("text"),
			"minItems":        1,
			"errorMessage":    "a list is wanted, as in [node, worker.mjs]: no shell reads it",
		},
	}
	for _, s := range PoolSettings {
		properties[s.Name] = schema{"$ref": "#/properties/" + keyDefaults + "/properties/" + s.Name}
	}
	const neither = "a script or a command is wanted"
	return schema{
		"type":                 "object",
		"properties":           properties,
		"additionalProperties": false,
		"anyOf": []any{
			schema{"required": []string{keyScript}, "errorMessage": neither},
			schema{"required": []string{keyCommand}, "errorMessage": neither},
		},
		"dependencies": schema{
			keyCommand: schema{
				"properties":   schema{keyScript: false, keyArgs: false},
				"errorMessage": "script and args do not go with a command",
			},
			keyScript: schema{"properties": scriptSchemas()},
		},
	}
}

// scriptSchemas are the settings that a script's pool cannot have each value of.
func scriptSchemas() schema {
	properties := schema{}
	for _, s := range PoolSettings {
		p := NewPool()
		p.Script = "any"
		choice, ok := s.Value(p).(*Choice)
		if !ok {
			continue
		}
		var others []string
		for _, word := range choice.Words {
			*choice.Word = word
			if name, _ := p.NotForScripts(); name != s.Name {
				others = append(others, word)
			}
		}
		if len(others) < len(choice.Words) {
			properties[s.Name] = anyWord(others)
		}
	}
	return properties
}

// settingSchemas are the settings of a table by their names.
func settingSchemas[T any](settings []Setting[T]) schema {
	properties := schema{}
	for _, s := range settings {
		v := s.Value(withDefaults(settings))
		usage, otherwise := s.inFile(v)
		if otherwise != "" {
			usage += fmt.Sprintf(" (default: %s)", otherwise)
		}
		p := described(strings.ReplaceAll(usage, "`", ""), describe(v).schema)
		if value := defaultOf(v); value != nil {
			p["default"] = value
		}
		properties[s.Name] = p
	}
	return properties
}

// described is s with a description. Draft 7 overlooks what stands beside a $ref.
func described(text string, s schema) schema {
	if _, ok := s["$ref"]; ok {
		return schema{"description": text, "allOf": []any{s}}
	}
	s = maps.Clone(s)
	s["description"] = text
	return s
}

// defaultOf is what a value that is at its default would be in a file; nil: no file could say it.
func defaultOf(v Value) any {
	switch v := v.(type) {
	case *Toggle:
		return *v.B
	case *Count:
		if *v.N != 0 {
			return *v.N
		}
		return nil
	case *Choice:
		if *v.Word != "" {
			return *v.Word
		}
		return nil
	}
	if text := v.String(); text != "" {
		return text
	}
	return nil
}
