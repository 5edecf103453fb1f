package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChangesNameTheKeysWhoseValuesDiffer(t *testing.T) {
	const before = `
log-level: info
defaults: {nice: 5}
pools:
  a: {script: a.py, args: [x], env: {A: 1}, max-age: 1h, env-file: [one]}
  b: {command: [b]}
`
	one := mustRead(t, before)
	for i, p := range mustRead(t, before).Pools {
		if names := p.Changes(one.Pools[i]); len(names) > 0 {
			t.Errorf("the same file changes %q", names)
		}
	}
	other := mustRead(t, `
log-level: debug
durability: normal
pools:
  a: {script: b.py, args: [y], env: {A: 2}, max-age: 60m, env-file: [one, two], kill-tree: true}
  b: {command: [b, c], nice: 5}
`)
	if d := cmp.Diff([]string{"durability", "log-level"}, one.Supervisor.Changes(&other.Supervisor)); d != "" {
		t.Error(d)
	}
	for i, want := range [][]string{{"script", "args", "kill-tree", "env", "env-file", "nice"}, {"command"}} {
		if d := cmp.Diff(want, one.Pools[i].Changes(other.Pools[i])); d != "" {
			t.Errorf("pool %s: %s", one.Pools[i].Pool, d)
		}
	}
}
