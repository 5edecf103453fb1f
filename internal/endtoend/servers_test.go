package endtoend

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// server gives the command of a program that was installed for these tests.
func server(t *testing.T, name string, args ...string) []string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata/servers/node_modules/.bin", name))
	check(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v\nmake test installs it; make servers does only that", err)
	}
	return append([]string{"--", path}, args...)
}

// deployScript is what the language server has to understand.
const deployScript = `#!/usr/bin/env bash
# Copies the site to a host.
deploy() {
  local host=$1
  rsync -a site/ "$host:/srv/site/"
}
deploy "$1"
`

// symbol is a name that a language server found.
type symbol struct {
	Name     string
	Location struct{ URI string }
	Range    *struct{ Start struct{ Line int } }
}

// symbols decodes the answer to a request for them.
func symbols(t *testing.T, answer string) (all []symbol) {
	t.Helper()
	if err := json.Unmarshal([]byte(answer), &all); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	return all
}

func TestBashLanguageServerAnswersAsItIs(t *testing.T) {
	t.Parallel()
	project := t.TempDir()
	check(t, os.WriteFile(filepath.Join(project, "deploy.sh"), []byte(deployScript), 0o600))
	dir := filepath.Join(t.TempDir(), "state")
	args := []string{"--cwd", project, "--max-workers", "1", "--framing", "content-length", "--handshake", "lsp"}
	sent := filepath.Join(t.TempDir(), "sent")
	listening := []string{"--", "sh", "-c", `tee "$0" | "$@"`, sent} // to what the server is told at its end
	s := start(t, dir, slices.Concat(args, listening, server(t, "bash-language-server", "start")[1:])...)

	// What it logs comes with its own level and words, and tells when it has read the project.
	s.says(1, "BackgroundAnalysis: Completed")
	found := symbols(t, must(t, dir, "call", "workspace/symbol", `query="deploy"`))
	if len(found) != 1 || found[0].Name != "deploy" || !strings.HasSuffix(found[0].Location.URI, "/deploy.sh") {
		t.Errorf("workspace/symbol found %+v", found)
	}

	// A notification has the result null; the request behind it sees what it did.
	document := `textDocument={"uri":"file:///a.sh","languageId":"shellscript","version":1,"text":"# Greets.\ngreet() {\n  echo hi\n}\ngreet\n"}`
	if got := must(t, dir, "call", "textDocument/didOpen", document); got != "null" {
		t.Errorf("textDocument/didOpen gave %s", got)
	}
	at := []string{`textDocument={"uri":"file:///a.sh"}`, `position={"line":4,"character":1}`}
	if got := must(t, dir, append([]string{"call", "textDocument/hover"}, at...)...); !strings.Contains(got, "Greets.") {
		t.Errorf("textDocument/hover gave %s", got)
	}
	if got := must(t, dir, append([]string{"submit", "--wait", "textDocument/definition"}, at...)...); !strings.Contains(got, `"line":1`) {
		t.Errorf("textDocument/definition gave %s", got)
	}

	if got := cli(t, dir, "call", "no/such"); got.code != 1 || !strings.Contains(got.stderr, "Unhandled method no/such (code -32601)") {
		t.Errorf("a method that it does not have: %+v", got)
	}
	s.signal(syscall.SIGTERM)
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	told, err := os.ReadFile(sent)
	check(t, err)
	if _, last, _ := strings.Cut(string(told), `"method":"shutdown"}`); last != "Content-Length: 33\r\n\r\n"+`{"jsonrpc":"2.0","method":"exit"}` {
		t.Errorf("the server was not told to end as its protocol asks, but\n%s", told[max(0, len(told)-500):])
	}
}

func TestBashLanguageServerAnswersByAHandshakeOfOnesOwn(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	args := []string{"--framing", "content-length", "--handshake", "custom", "--handshake-file", "testdata/servers/bash.yaml"}
	s := start(t, dir, append(args, server(t, "bash-language-server", "start")...)...)
	found := symbols(t, must(t, dir, "call", "textDocument/documentSymbol", `textDocument={"uri":"file:///greet.sh"}`))
	if len(found) != 1 || found[0].Name != "greet" {
		t.Errorf("textDocument/documentSymbol found %+v", found)
	}
	s.signal(syscall.SIGTERM)
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestAnMCPServerAnswersAsItIs(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	s := start(t, dir, append([]string{"--max-workers", "1", "--handshake", "mcp"}, server(t, "mcp-server-everything", "stdio")...)...)

	var list struct{ Tools []struct{ Name string } }
	check(t, json.Unmarshal([]byte(must(t, dir, "call", "tools/list")), &list))
	if len(list.Tools) < 5 {
		t.Errorf("tools/list gave %+v", list)
	}
	if got := must(t, dir, "call", "tools/call", `name="get-sum"`, `arguments={"a":2,"b":40}`); !strings.Contains(got, "is 42.") {
		t.Errorf("tools/call gave %s", got)
	}
	if got := must(t, dir, "pool", "status"); !strings.Contains(got, "program   mcp-servers/everything") {
		t.Errorf("pool status does not say what the program is:\n%s", got)
	}
	if got := cli(t, dir, "call", "no/such"); got.code != 1 || !strings.Contains(got.stderr, "Method not found (code -32601)") {
		t.Errorf("a method that it does not have: %+v", got)
	}

	// Progress belongs to the call whose caller named a token.
	const tool = `name="trigger-long-running-operation"`
	id := must(t, dir, "submit", "tools/call", tool, `arguments={"duration":0.2,"steps":2}`, `_meta={"progressToken":"mine"}`)
	must(t, dir, "wait", id)
	if got := must(t, dir, "ledger", "show", "--json", id); !strings.Contains(got, `"progress":{"progress":2,"total":2,"progressToken":"mine"}`) {
		t.Errorf("no progress: %s", got)
	}

	// It does not answer a call that was cancelled, and goes on all the same.
	before := s.workers(s.client(), anyState)
	if got := cli(t, dir, "call", "--timeout", "300ms", "tools/call", tool, `arguments={"duration":600,"steps":2}`); got.code != 124 {
		t.Errorf("a call that is out of time: %+v", got)
	}
	if got := must(t, dir, "call", "tools/call", `name="echo"`, `arguments={"message":"still here"}`); !strings.Contains(got, "still here") {
		t.Errorf("tools/call gave %s", got)
	}
	if after := s.workers(s.client(), anyState); len(after) != 1 || after[0] != before[0] { // nor did the slot wait for the flush timeout
		t.Errorf("process %v has been replaced by %v", before, after)
	}
	s.signal(syscall.SIGTERM)
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestARefusedGreetingIsToldInTheServersWords(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	file := filepath.Join(t.TempDir(), "handshake.yaml")
	check(t, os.WriteFile(file, []byte("initialize: {method: no/such}\n"), 0o600))
	s := prepare(t, dir, append([]string{"--handshake", "custom", "--handshake-file", file}, server(t, "mcp-server-everything", "stdio")...)...)
	s.begin()
	s.says(1, `it answered no/such with error -32601: Method not found`)
}
