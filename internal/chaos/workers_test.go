package main

import (
	"path/filepath"
	"testing"
)

func TestATaskThatSnoozesIsDoneInTheEndThoughEachOfItsRunsIsTheFirstOfAProcess(t *testing.T) {
	t.Setenv(effectsEnv, filepath.Join(t.TempDir(), "effects"))
	done := 0
	const tries = 100
	for range tries {
		if _, err := perform("snooze", effect{}, []byte(`["a", 0]`), nil); err == nil {
			done++
		}
	}
	if done == 0 || done == tries {
		t.Errorf("it was done %d times out of %d", done, tries)
	}
}
