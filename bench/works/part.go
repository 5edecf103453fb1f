package works

import (
	"context"
	"fmt"
	"strings"
)

// Part is something that can be measured alone.
type Part struct {
	Name    string
	Measure func(*Bench, context.Context) error
}

// parts are in the order of the table.
var parts = []Part{
	{"durable", (*Bench).durable},
	{"submit", (*Bench).submit},
	{"invoke", (*Bench).invoke},
	{"trip", (*Bench).trip},
	{"payload", (*Bench).payload},
	{"backlog", (*Bench).backlog},
	{"history", (*Bench).history},
	{"idle", (*Bench).idle},
	{"start", (*Bench).start},
	{"scaling", (*Bench).scaling},
	{"supervision", (*Bench).supervision},
	{"ledger", (*Bench).ledger},
	{"telemetry", (*Bench).telemetry},
}

// Names are those of all parts.
func Names() string {
	var all []string
	for _, p := range parts {
		all = append(all, p.Name)
	}
	return strings.Join(all, ", ")
}

// Choose gives the parts of a list of names, all of them for an empty one.
func Choose(list string) ([]Part, error) {
	if list == "" {
		return parts, nil
	}
	var chosen []Part
	for _, name := range strings.Split(list, ",") {
		before := len(chosen)
		for _, p := range parts {
			if p.Name == name {
				chosen = append(chosen, p)
			}
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("no part is called %q: there are %s", name, Names())
		}
	}
	return chosen, nil
}
