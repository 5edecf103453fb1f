package endtoend

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// evil is what a terminal would obey: it sets the title, rings, changes the colour by a C1 control, turns the order of text, and deletes.
const evil = "\x1b]0;pwned\a\u009b31m\u202e\x7f\r"

// obeyed finds any of it. Colours and bars of whipper's own begin with \x1b[, lines of a terminal end with \r\n.
var obeyed = regexp.MustCompile("\x1b\\]|\a|\u009b|\u202e|\x7f|\\x00|\r[^\n\x1b\r]")

// harm says what a terminal would obey in a text; "": nothing.
func harm(text string) string {
	if at := obeyed.FindStringIndex(text); at != nil {
		return fmt.Sprintf("%q", text[max(0, at[0]-60):min(len(text), at[1]+30)])
	}
	if !utf8.ValidString(text) {
		return "bytes that are no UTF-8"
	}
	return ""
}

// onItsTerminal runs a whipper command with all its streams on a terminal and gives what that got.
func onItsTerminal(t *testing.T, dir string, args ...string) string {
	t.Helper()
	master, slave := newTerminal(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), "WHIPPER_DIR="+dir, "TERM=xterm", "WHIPPER_STATE="+evil)
	cmd.Dir = dir
	onTerminal(cmd, slave)
	cmd.Stdout, cmd.Stderr = slave, slave
	check(t, cmd.Start())
	check(t, slave.Close())
	var shown bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(&shown, master) // it ends with an error when the last who has the terminal has gone
	}()
	_ = cmd.Wait() // some of them fail, as they should
	<-done
	if ctx.Err() != nil {
		t.Errorf("whipper %q does not end", args)
	}
	return shown.String()
}

func TestNoTerminalObeysWhatAWorkerOrAClientHasPutIntoAnyText(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	s := start(t, dir, "--http", "127.0.0.1:0", "--log-level", "debug", "--", "python3", "testdata/hostile.py")
	c := s.client()
	for _, method := range []string{"good", "bad", "crash"} {
		_, err := c.Submit(t.Context(), whipper.SubmitParams{
			Method: method + evil, Params: json.RawMessage(`["\u001b]0;` + "\u009b\u202e\x7f" + `"]`), MaxAttempts: 1,
			IdempotencyKey: method + evil, ConcurrencyKey: evil, Labels: map[string]string{"l": evil},
		})
		check(t, err)
	}
	must(t, dir, "wait", "1")
	cli(t, dir, "wait", "2", "3")
	file := filepath.Join(dir, "pools.yaml")
	check(t, os.WriteFile(file, []byte("pools:\n  p:\n    command: [cat]\n    \"x\\u009b\\e]0;\\a\": 1\n"), 0o600))
	exported := filepath.Join(dir, "jobs.ndjson")
	must(t, dir, "ledger", "export", exported)
	text, err := os.ReadFile(exported)
	check(t, err)
	check(t, os.WriteFile(exported, append(text, []byte(`{"job":"`+evil+"\n")...), 0o600))
	batch := filepath.Join(dir, "batch.ndjson")
	check(t, os.WriteFile(batch, []byte(`{"method":"good\u009b","labels":{"a":"b"}}`+"\n"+`{"evil\u001b]`+"\u009b"+`":1}`+"\n"), 0o600))

	seen := map[string]bool{}
	for _, args := range [][]string{
		{"call", "good" + evil, `"\u009b"`}, {"call", "bad" + evil}, {"call", "crash" + evil}, {"call", "--pool", evil, "x"}, {"call", "x", evil}, {"call", "x", "--" + evil},
		{"submit", "--wait", "good" + evil}, {"submit", "--wait", "--max-attempts", "1", "bad" + evil}, {"submit", "--batch", batch}, {"submit", "--label", evil, "x"},
		{"submit", "--key", "good" + evil, "other"}, {"submit", "--at", evil, "x"},
		{"wait", "1", "2", "3"}, {"wait", evil}, {"wait", "--json", "2"},
		{"ledger"}, {"ledger", "list"}, {"ledger", "list", "--json"}, {"ledger", "list", "--method", evil}, {"ledger", "list", "--grep", "]0"}, {"ledger", "list", "--since", evil},
		{"ledger", "show", "1"}, {"ledger", "show", "2"}, {"ledger", "show", "3"}, {"ledger", "show", "--json", "2"}, {"ledger", "show", "--trace-url", "http://x/" + evil, "2"},
		{"ledger", "tail"}, {"ledger", "tail", "--json"}, {"ledger", "stats"}, {"ledger", "stats", "--json"},
		{"ledger", "retry", "--dry-run", "--state", "failed"}, {"ledger", "retry", "--method", evil, "--yes"}, {"ledger", "cancel", "--dry-run", "--all"}, {"ledger", "cancel", evil},
		{"ledger", "prune", "--dry-run", "--method", "good" + evil}, {"ledger", "prune", "--label", evil, "--yes"},
		{"ledger", "backup", filepath.Join(dir, evil)}, {"ledger", "backup", filepath.Join(dir, evil, "x")}, {"ledger", "check"},
		{"ledger", "export"}, {"ledger", "export", filepath.Join(dir, "e"+evil)}, {"ledger", "import", exported}, {"ledger", "import", evil},
		{"ledger", "import", "--dir", filepath.Join(dir, "other"), exported},
		{"schedule", "add", "--name", "s" + evil, "@daily", "good" + evil}, {"schedule", "add", "@" + evil, "x"}, {"schedule", "add", "@daily", "good" + evil},
		{"schedule", "list"}, {"schedule", "list", "--json"}, {"schedule", "remove", evil},
		{"stats"}, {"stats", "--json"}, {"stats", "--pool", evil},
		{"pool", "status"}, {"pool", "status", "--json"}, {"pool", "pause", "--method", "good" + evil}, {"pool", "status"}, {"pool", "resume", "--method", "good" + evil},
		{"pool", "pause", "--pool", evil}, {"pool", "resize", "--max-workers", "2"}, {"pool", "restart"},
		{"doctor"}, {"doctor", "--dir", filepath.Join(dir, evil)}, {"completion", "bash"}, {"completion", "zsh"}, {"completion", "fish"}, {"completion", evil}, {"version"},
		{"serve", "-c", file, "--check"}, {"serve", "-c", evil}, {"exec", evil + ".py"}, {"exec", "--min-workers", evil, "--", "x"}, {"exec", "--env", evil, "--", "x"},
		{"exec", "--dir", filepath.Join(dir, evil), "--", filepath.Join(dir, evil)}, {"exec", "--pool", evil, "--", "cat"},
		{"--help"}, {"ledger", "list", "--help"}, {evil}, {"ledger", evil}, {"events", "--pool", evil}, {"events", "--types", evil},
	} {
		shown := onItsTerminal(t, dir, args...)
		if fault := harm(shown); fault != "" {
			t.Errorf("whipper %q shows %s", args, fault)
		}
		seen[args[0]] = true
		if len(args) > 1 {
			seen[args[0]+" "+args[1]] = true
		}
	}
	page, err := os.ReadFile("../../docs/cli.md")
	check(t, err)
	for _, heading := range regexp.MustCompile(`(?m)^##+ whipper (.+)$`).FindAllStringSubmatch(string(page), -1) {
		if !seen[heading[1]] {
			t.Errorf("whipper %s is a command that this test does not know", heading[1])
		}
	}
	s.signal(syscall.SIGTERM)
	s.exitCode()
	if said, _ := s.stderr.look(); harm(said) != "" {
		t.Errorf("the supervisor says %s", harm(said))
	}
}

// What goes on is followed while it goes on, and the log is JSON.
func TestNoTerminalObeysWhatIsFollowed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	s := start(t, dir, "--log-format", "json", "--log-level", "debug", "--max-workers", "1", "--", "python3", "testdata/hostile.py")
	var followers []*supervisor
	for _, args := range [][]string{{"events"}, {"ledger", "tail", "-f"}} {
		f := &supervisor{t: t, dir: dir, stderr: newBuffer(), ended: make(chan struct{})}
		f.cmd = exec.Command(binary, append(args, "--dir", dir)...)
		f.cmd.Stdout, f.cmd.Stderr = f.stderr, f.stderr
		f.begin()
		followers = append(followers, f)
	}
	c := s.client()
	eventually(t, "all follow what goes on", func() bool {
		_, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "bad" + evil, MaxAttempts: 1, Labels: map[string]string{"l": evil}})
		check(t, err)
		for _, f := range followers {
			if text, _ := f.stderr.look(); !strings.Contains(text, "job:failed") {
				return false
			}
		}
		return true
	})
	for _, f := range followers {
		f.signal(syscall.SIGINT)
		f.exitCode()
		if text, _ := f.stderr.look(); harm(text) != "" {
			t.Errorf("whipper %q shows %s", f.cmd.Args[1:], harm(text))
		}
	}
	s.signal(syscall.SIGTERM)
	s.exitCode()
	if text, _ := s.stderr.look(); harm(text) != "" {
		t.Errorf("the supervisor says %s", harm(text))
	}
}
