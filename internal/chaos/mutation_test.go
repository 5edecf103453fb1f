package main

import (
	"go/parser"
	"go/token"
	"testing"
)

// A sabotage whose passage has changed would only be noticed by who runs make chaos-sabotage.
func TestEachMutationFindsItsPassage(t *testing.T) {
	from, err := root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := []mutation{clockJumps}
	for _, s := range sabotages {
		all = append(all, s.mutation)
	}
	for _, m := range all {
		path, text, err := m.apply(t.Context(), from)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), path, text, 0); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}
