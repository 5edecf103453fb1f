package checks

import "testing"

func TestGeneratedDocumentsAreWhatTheCodeSays(t *testing.T) {
	for page, file := range map[string]string{
		"cli":           "docs/cli.md",
		"configuration": "docs/configuration.md",
		"schema":        "docs/whipper.schema.json",
	} {
		if read(t, file) != run(t, "go", "run", "./cmd/whipper", "docs", page) {
			t.Errorf("%s is out of step with the code: run `make docs`", file)
		}
	}
}
