package config

import (
	"fmt"
	"strings"
)

// description is what people and editors are told of a kind of Value.
type description struct {
	wanted string // before "is wanted"
	brief  string // in the table of settings
	schema schema // of the value in the file
}

// schema is a JSON Schema, or a part of one.
type schema map[string]any

// describe knows all kinds of Value.
func describe(v Value) description {
	switch v := v.(type) {
	case *Duration:
		return description{"a duration such as 1m30s", "duration", schema{"$ref": "#/$defs/duration"}}
	case *Size:
		return description{"a size such as 100MiB", "size", schema{"$ref": "#/$defs/size"}}
	case *Toggle:
		return description{"true or false", "true or false", either(schema{"type": "boolean"})}
	case *Count:
		number := schema{"type": "integer", "minimum": v.Least}
		brief := fmt.Sprintf("number from %d", v.Least)
		if v.Most != 0 {
			number["maximum"] = v.Most
			brief += fmt.Sprintf(" to %d", v.Most)
		}
		return description{"a whole number", brief, either(number)}
	case *Choice:
		return description{"one of " + strings.Join(v.Words, ", "), "`" + strings.Join(v.Words, "`, `") + "`", either(schema{"enum": v.Words})}
	case *Text:
		return description{"a text", "text", schema{"$ref": "#/$defs/text"}}
	case *Path:
		return description{"a path", "path", schema{"type": "string", "minLength": 1}}
	case *Addresses:
		return description{"a list", "list of addresses", schema{"type": "array", "items": schema{"$ref": "#/$defs/text"}}}
	case *List:
		return description{"a list", "list of texts", schema{"type": "array", "items": schema{"$ref": "#/$defs/text"}}}
	case *Paths:
		return description{"a list", "list of paths", schema{"type": "array", "items": schema{"type": "string", "minLength": 1}}}
	case *Assignments:
		return description{"a mapping", "mapping from names to values", schema{"$ref": "#/$defs/environment"}}
	}
	panic(fmt.Sprintf("no description of %T", v)) // found by any test that makes the schema
}

// either is what s allows, or a variable of the environment, whose value no schema knows.
func either(s schema) schema {
	return schema{"anyOf": []any{s, schema{"$ref": "#/$defs/variable"}}}
}
