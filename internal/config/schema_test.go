package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/tools/txtar"
)

// compiled is the schema, which is one by its own draft's rules, or this panics.
var compiled = sync.OnceValue(func() *jsonschema.Schema {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("whipper.schema.json", document); err != nil {
		panic(err)
	}
	return c.MustCompile("whipper.schema.json")
})

// againstSchema says what the schema has against a file, as an editor would that knows nothing of whipper.
func againstSchema(content string) error {
	var file any
	if err := yaml.Unmarshal([]byte(lineEnds.Replace(strings.TrimPrefix(content, "\ufeff"))), &file); err != nil {
		return fmt.Errorf("no YAML: %w", err)
	}
	return compiled().Validate(file)
}

func readArchive(t *testing.T, path string) []txtar.File {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil || len(archive.Files) == 0 {
		t.Fatalf("%d files: %v", len(archive.Files), err)
	}
	return archive.Files
}

func TestWhatCanBeReadFitsTheSchema(t *testing.T) {
	for _, file := range readArchive(t, "testdata/accepted.txtar") {
		t.Run(file.Name, func(t *testing.T) { mustRead(t, string(file.Data)) })
	}
}

// unknowable are the files of problems.txtar that the schema has nothing against, and why it cannot.
var unknowable = map[string]string{
	"together.yaml":      "it compares no setting with another, and knows no size that is written as a text",
	"documents.yaml":     "it sees one document",
	"twice.yaml":         "it sees each key once",
	"syntax.yaml":        "it sees no file that is no YAML",
	"flow-variable.yaml": "it sees no file that is no YAML",
	"unclosed.yaml":      "it sees no file that is no YAML",
	"aliases.yaml":       "it sees no file with an alias of nothing",
}

func TestTheSchemaRefusesWhatCannotBeReadUnlessItCannotKnow(t *testing.T) {
	seen := 0
	for _, file := range readArchive(t, "testdata/problems.txtar") {
		if !strings.HasSuffix(file.Name, ".yaml") {
			continue
		}
		err := againstSchema(string(file.Data))
		var refused *jsonschema.ValidationError
		why, cannot := unknowable[file.Name]
		if cannot {
			seen++
		}
		if errors.As(err, &refused) == cannot {
			t.Errorf("%s: %v (it cannot know: %q)", file.Name, err, why)
		}
	}
	if seen != len(unknowable) {
		t.Errorf("%d of %d files were there", seen, len(unknowable))
	}
}

func TestTheSchemaRefusesEachMistakeOnItsOwn(t *testing.T) {
	const pool = "pools: {one: {script: a.py}}\n"
	for _, content := range []string{
		"", "[]", "word", "pools: {}", "pools: []", "pools:", "durability: full",
		pool + "durabilty: full", pool + "max-workers: 3", pool + "script: a.py", pool + "X-: 1",
		pool + "durability: half", pool + "durability: [full]", pool + "durability:", pool + "log-level: true", pool + "retain: 30d", pool + "retain: [soon]", pool + "retain: [30]", pool + "retain: [queued=1d]",
		pool + "retain: [count=0]", pool + "retain: [size=]", pool + `dir: ""`,
		pool + "http: 8080", pool + "http: localhost", pool + "http: ['localhost:80']", pool + "http: 'localhost:http'", pool + "http: ~", pool + "http-pprof: perhaps",
		pool + "http-host: localhost", pool + `http-token-file: ""`,
		pool + "defaults:", pool + "defaults: []", pool + "defaults: {script: a.py}", pool + "defaults: {x-a: 1}",
		pool + "defaults: {socket: s}", pool + "defaults: {max-workers: 0}",
		"pools: {a b: {script: a.py}}", `pools: {"": {script: a.py}}`, "pools: {" + strings.Repeat("a", 65) + ": {script: a.py}}",
		"pools: {one: }", "pools: {one: a.py}", "pools: {one: [a.py]}", "pools: {one: {}}", "pools: {one: {args: [a]}}",
		"pools: {one: {script: a.py, command: [a]}}", "pools: {one: {command: [a], args: [a]}}", "pools: {one: {command: []}}",
		"pools: {one: {command: a}}", `pools: {one: {command: ["", a]}}`, "pools: {one: {command: [[a]]}}", "pools: {one: {command: [a, ~]}}",
		"pools: {one: {script: [a.py]}}", `pools: {one: {script: ""}}`, "pools: {one: {script: a.py, x-a: 1}}",
	} {
		refusedByBoth(t, content)
	}
	for _, setting := range []string{
		"max-wrokers: 3", "maxWorkers: 3", "dir: a", "pools: {}",
		"min-workers: 0", "min-workers: many", "min-workers: 1.5", "min-workers: true", "min-workers:", `min-workers: ""`, "min-workers: [1]",
		"nice: 20", "nice: -21", "limit-nofile: 15", "worker-log-keep: 1001",
		"invocation-timeout: 30", `invocation-timeout: "30"`, "invocation-timeout: 0", "invocation-timeout: 0s", "invocation-timeout: soon",
		"invocation-timeout: 1s1d", "invocation-timeout: -1s", "invocation-timeout: 1 s", `invocation-timeout: ""`, "invocation-timeout: true",
		"max-age: 30", "max-age: -1", "max-age: -1s", `max-age: ""`, "max-age: soon", "max-age: ~",
		"max-rss: 0", "max-rss: -1", "max-rss: huge", "max-rss: 1XB", "max-rss: 1iB", "max-rss: true", `max-rss: ""`, `max-rss: "0"`, "max-rss: 0MiB",
		"kill-tree: perhaps", "kill-tree: yes", "kill-tree: []", "kill-tree:",
		"framing: lines", "framing: content-length", "handshake: lsp", "handshake: mcp", "framing: ~", "handshake: {}", `handshake: ""`, "handshake: $auto",
		`cwd: ""`, "cwd: []", "cwd:", "cwd: ${}", "user: {a: b}", "user:",
		"env: [A=1]", "env: A=1", "env:", `env: {"A=": 1}`, `env: {"": 1}`, "env: {A: }", "env: {A: {}}", "env: {A: [1]}",
		"env: {A: '${}'}", "env: {A: '${1X}'}", "env: {A: '${SET'}", "env: {A: '${SET-x}'}", `env: {A: "a\0b"}`,
		"args: fast", "args: {a: b}", "args: [~]", "args: [[a]]", "args:", "watch: '*.py'", "watch: [{}]", "env-file: a.env",
		"listen: [80]", "listen: [tcp://localhost]", "listen: ['tcp://::1:80']", "listen: [udp://:80]", "listen: ['unix:']",
		"listen: ['a b=tcp://:80']", "listen: ['=tcp://:80']", "listen: tcp://:80",
	} {
		refusedByBoth(t, "pools:\n  one:\n    script: a.py\n    "+setting)
	}
}

func refusedByBoth(t *testing.T, content string) {
	t.Helper()
	if _, err := readText(content); err == nil {
		t.Errorf("it can be read: %s", content)
	}
	var refused *jsonschema.ValidationError
	if err := againstSchema(content); !errors.As(err, &refused) {
		t.Errorf("the schema does not refuse it (%v): %s", err, content)
	}
}

func TestTheSchemaHasEachSettingAndItsDefaultFits(t *testing.T) {
	properties := fileSchema()["properties"].(schema)
	checkSchemas(t, properties, SupervisorSettings, "%s: %v")
	checkSchemas(t, properties[keyDefaults].(schema)["properties"].(schema), PoolSettings, "defaults: {%s: %v}")
	for _, s := range PoolSettings {
		if poolSchema()["properties"].(schema)[s.Name] == nil {
			t.Errorf("%s is not in a pool", s.Name)
		}
	}
}

func checkSchemas[T any](t *testing.T, properties schema, settings []Setting[T], form string) {
	for _, s := range settings {
		p, ok := properties[s.Name].(schema)
		if !ok {
			t.Errorf("%s is not there", s.Name)
			continue
		}
		if d := p["description"].(string); d == "" || strings.Contains(d, "--") || strings.Contains(d, "`") {
			t.Errorf("%s is described as %q", s.Name, d)
		}
		if value, ok := p["default"]; ok {
			mustRead(t, "pools: {one: {script: a.py}}\n"+fmt.Sprintf(form, s.Name, value))
			v := s.Value(new(T))
			if err := v.Set(fmt.Sprint(value)); err != nil || v.String() != s.Value(withDefaults(settings)).String() {
				t.Errorf("%s has the default %v (%v)", s.Name, value, err)
			}
		}
	}
}
