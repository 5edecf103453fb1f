package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/whipper-sidecar/whipper/supervisor"
)

func readHandshakeText(t *testing.T, text string) (*supervisor.Custom, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "handshake.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := readHandshake(path)
	if err != nil && !strings.Contains(err.Error(), path) {
		t.Errorf("%v does not name the file", err)
	}
	return c, err
}

func TestAHandshakeIsReadFromYAMLAndFromJSON(t *testing.T) {
	want := &supervisor.Custom{
		Initialize:    &supervisor.CustomMessage{Method: "hello", Params: json.RawMessage(`{"n": 1.50, "list": [null, "a"]}`)},
		Initialized:   []supervisor.CustomMessage{{Method: "ready"}, {Method: "open", Params: json.RawMessage(`["x"]`)}},
		Cancel:        &supervisor.CustomCancel{Method: "stop", ID: "call", Params: map[string]json.RawMessage{"hard": json.RawMessage(`true`)}},
		Shutdown:      []supervisor.CustomMessage{{Method: "end", Request: true}, {Method: "exit", Params: json.RawMessage(`{}`)}},
		Replies:       map[string]json.RawMessage{"ask/null": json.RawMessage(`null`), "ask/list": json.RawMessage(`[1]`)},
		Notifications: []string{"did"},
	}
	sameJSON := cmp.Transformer("JSON", func(raw json.RawMessage) (v any) {
		_ = json.Unmarshal(raw, &v) // nil: none
		return v
	})
	for name, text := range map[string]string{
		"YAML": `
initialize:
  method: hello
  params: {n: 1.50, list: [null, a]}
initialized:
  - method: ready
  - method: open
    params: [x]
cancel: {method: stop, id: call, params: {hard: true}}
shutdown:
  - request: end
  - notification: exit
    params: {}
replies:
  ask/null:
  ask/list: [1]
notifications: [did]
`,
		"JSON": `{"initialize":{"method":"hello","params":{"n":1.50,"list":[null,"a"]}},"initialized":[{"method":"ready"},
			{"method":"open","params":["x"]}],"cancel":{"method":"stop","id":"call","params":{"hard":true}},
			"shutdown":[{"request":"end"},{"notification":"exit","params":{}}],"replies":{"ask/null":null,"ask/list":[1]},"notifications":["did"]}`,
	} {
		got, err := readHandshakeText(t, text)
		if diff := cmp.Diff(want, got, sameJSON); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

func TestWhatAHandshakeSendsIsJSONWhateverCharactersItHas(t *testing.T) {
	c, err := readHandshakeText(t, "replies:\n  a: {z: \"\\a\\v\x7f\U000e0067<\", 1: [true, ~, 1.5]}\n")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(c.Replies["a"]), `{"z":"\u0007\u000b`+"\x7f\U000e0067"+`<","1":[true,null,1.5]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestABadHandshakeIsRefusedWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"initialize:\n  metod: hello\n":              `:2:3: unknown field "metod"`,
		"initialise: {method: a}\n":                  `:1:1: unknown field "initialise"`,
		"shutdown:\n  request: a\n":                  `:2:10: mapping was used where sequence is expected`,
		"cancel: [\n":                                `:1:9: not YAML`,
		"cancel: {method: a}\ncancel: {method: b}\n": `:2:1: key "cancel" is there twice: the first is in line 1`,
		"initialize: {params: {}}\n":                 `initialize: a method is missing`,
		"initialized: [{method: a, params: 1}]\n":    `initialized: params of "a" are 1; an object or an array is wanted`,
		"cancel: {id: a}\n":                          `cancel: a method is missing`,
		"shutdown:\n  - params: {}\n":                `shutdown: entry 1 has no request and no notification, or both`,
		"shutdown: [{request: a, notification: b}]":  `shutdown: entry 1 has no request and no notification, or both`,
		"replies: {a: .inf}":                         `JSON has no form for +Inf`,
		"replies:\n  a: " + laughs:                   `:1:1: aliases lead to more than 100000 values`,
	} {
		if c, err := readHandshakeText(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v; want %s", text, c, err, want)
		}
	}
	if _, err := readHandshake(filepath.Join(t.TempDir(), "none.yaml")); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("a file that is not there: %v", err)
	}
}
