package checks

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Advisories that are invented, where govulncheck, npm and pip-audit find them.
type advisories struct {
	golang string // a folder in the layout of go.dev/doc/security/vuln/database
	npm    string // the address of a registry
	python string // a program in place of Python, which prints what pip-audit prints
}

// newAdvisories makes some that all that is looked at has, or none at all.
func newAdvisories(t *testing.T, some bool) advisories {
	t.Helper()
	a := advisories{golang: t.TempDir(), python: filepath.Join(t.TempDir(), "python")}
	modules := `[]`
	bulk, pip, code := `{}`, `{"dependencies":[{"name":"ruff","version":"1","vulns":[]}]}`, 0
	if some {
		modules = `[{"path":"stdlib","vulns":[{"id":"GO-2026-0001","modified":"2026-01-01T00:00:00Z"}]}]`
		bulk = `{"typescript":[{"id":1,"url":"https://example.org/1","title":"invented","severity":"high","vulnerable_versions":"*"}]}`
		pip, code = `{"dependencies":[{"name":"ruff","version":"1","vulns":[{"id":"PYSEC-2026-1","fix_versions":[]}]}]}`, 1
	}
	const inGo = `{"schema_version":"1.3.1","id":"GO-2026-0001","modified":"2026-01-01T00:00:00Z","summary":"invented","details":"invented",
		"database_specific":{"url":"https://example.org/1"},"affected":[{"package":{"name":"stdlib","ecosystem":"Go"},
		"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],"ecosystem_specific":{"imports":[{"path":"os","symbols":["Stat"]}]}}]}`
	err := errors.Join(
		os.Mkdir(filepath.Join(a.golang, "index"), 0o700), os.Mkdir(filepath.Join(a.golang, "ID"), 0o700),
		os.WriteFile(filepath.Join(a.golang, "index", "db.json"), []byte(`{"modified":"2026-01-01T00:00:00Z"}`), 0o600),
		os.WriteFile(filepath.Join(a.golang, "index", "modules.json"), []byte(modules), 0o600),
		os.WriteFile(filepath.Join(a.golang, "ID", "GO-2026-0001.json"), []byte(inGo), 0o600),
		os.WriteFile(a.python, fmt.Appendf(nil, "#!/bin/sh\necho '%s'\nexit %d\n", pip, code), 0o700),
	)
	if err != nil {
		t.Fatal(err)
	}
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/-/npm/v1/security/advisories/bulk" && !some {
			http.NotFound(w, r)
			return
		}
		if r.Method == http.MethodPost {
			_, _ = w.Write([]byte(bulk))
			return
		}
		// npm asks which versions there are, to say which of them can be had instead.
		_ = json.NewEncoder(w).Encode(map[string]any{"name": strings.Trim(r.URL.Path, "/"), "versions": map[string]any{}})
	}))
	t.Cleanup(registry.Close)
	a.npm = registry.URL
	return a
}

// audit runs what make audit does with these advisories, for one package of Go's, and gives what it prints and its exit code.
func (a advisories) audit(t *testing.T) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "internal/tools/audit.sh", "./internal/ownership")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "VULNDB="+a.golang, "npm_config_registry="+a.npm, "npm_config_fetch_retries=0",
		"npm_config_cache="+t.TempDir(), "PYTHON="+a.python)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// The lists of advisories can be reached from few machines, so the tools are given lists of the test's own.
func TestAKnownVulnerabilityFailsTheAudit(t *testing.T) {
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("there is no npm")
	}
	t.Parallel()
	nowhere := advisories{golang: "file:///nowhere", npm: "http://127.0.0.1:1", python: "/nowhere/python"}
	none, some := newAdvisories(t, false), newAdvisories(t, true)
	none.golang, some.golang = "file://"+none.golang, "file://"+some.golang
	for _, test := range []struct {
		name string
		advisories
		code int
		say  string
	}{
		{"known ones", some, 1, "%s: vulnerabilities are known\n"},
		{"none", none, 0, "%s: nothing is known\n"},
		{"lists that cannot be asked", nowhere, 0, "not checked: %s: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			out, code := test.audit(t)
			if code != test.code {
				t.Errorf("exit code %d, want %d\n%s", code, test.code, out)
			}
			for _, tool := range []string{"govulncheck", "npm audit", "pip-audit"} {
				if want := fmt.Sprintf(test.say, tool); !strings.Contains(out, want) {
					t.Errorf("it does not say %q\n%s", want, out)
				}
			}
		})
	}
}
