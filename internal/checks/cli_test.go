package checks

import "testing"

func TestCommandReferenceIsWhatTheCommandsSay(t *testing.T) {
	if read(t, "docs/cli.md") != run(t, "go", "run", "./cmd/whipper", "docs") {
		t.Error("docs/cli.md is out of step with the commands: run `make docs`")
	}
}
