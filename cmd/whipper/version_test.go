package main

import (
	"runtime/debug"
	"testing"
)

func TestVersionOfABuildWithoutTheMakefileIsTheModules(t *testing.T) {
	for module, want := range map[string]string{"v1.2.3": "v1.2.3", "(devel)": "", "": ""} {
		if got := versionOf(&debug.BuildInfo{Main: debug.Module{Version: module}}); got != want {
			t.Errorf("module version %q gives %q, want %q", module, got, want)
		}
	}
}
