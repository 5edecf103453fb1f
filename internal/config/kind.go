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

// describe knows all kinds of Value.
func describe(v Value) description {
	switch v := v.(type) {
	case *Duration:
		if v.Default == 0 {
			return description{"a duration such as 1m30s", "duration", refer("durationOrNone")}
		}
		return description{"a duration such as 1m30s", "duration", refer("duration")}
	case *Size:
		return description{"a size such as 100MiB", "size", refer("size")}
	case *Toggle:
		return description{"true or false", "true or false", refer("toggle")}
	case *Count:
		number := schema{"allOf": []any{refer("number")}, "minimum": v.Least}
		brief := fmt.Sprintf("number from %d", v.Least)
		if v.Most != 0 {
			number["maximum"] = v.Most
			brief += fmt.Sprintf(" to %d", v.Most)
		}
		return description{"a whole number", brief, number}
	case *Choice:
		return description{"one of " + strings.Join(v.Words, ", "), "`" + strings.Join(v.Words, "`, `") + "`", anyWord(v.Words)}
	case *Text:
		return description{"a text", "text", refer("text")}
	case *Path:
		return description{"a path", "path", refer("path")}
	case *HostPort:
		return description{"an address", "`HOST:PORT`", refer("hostPort")}
	case *Addresses:
		return description{"a list", "list of addresses", listOf("address")}
	case *Retention:
		return description{"a list", "list of rules", listOf("retention")}
	case *List:
		return description{"a list", "list of texts", listOf("text")}
	case *Paths:
		return description{"a list", "list of paths", listOf("path")}
	case *Limits:
		return description{"a mapping", "mapping from methods to numbers from 1", refer("limits")}
	case *Assignments:
		return description{"a mapping", "mapping from names to values", refer("environment")}
	}
	panic(fmt.Sprintf("no description of %T", v)) // found by any test that makes the schema
}
