package main

import (
	"path/filepath"
	"testing"
)

func TestATaskThatSnoozesIsDoneInTheEndThoughNothingElseRuns(t *testing.T) {
	t.Setenv(effectsEnv, filepath.Join(t.TempDir(), "effects"))
	for range 3 {
		if _, err := perform("snooze", effect{}, []byte(`["a", 0]`), nil); err == nil {
			return
		}
	}
	t.Error("it has snoozed three times")
}
