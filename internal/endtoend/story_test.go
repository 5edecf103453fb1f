package endtoend

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

func TestTheFirstFiveMinutes(t *testing.T) {
	eachLanguage(t, func(t *testing.T, command []string) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "state")
		s := start(t, dir, command...)

		if got := must(t, dir, "call", "add", "1", "2"); got != "3" {
			t.Errorf("call add 1 2 printed %q", got)
		}
		id := must(t, dir, "submit", "add", "3", "4")
		if got := must(t, dir, "wait", id); got != "7" {
			t.Errorf("wait %s printed %q", id, got)
		}
		if got := must(t, dir, "submit", "--wait", "add", "5", "6"); !strings.HasSuffix(got, "11") {
			t.Errorf("submit --wait printed %q", got)
		}

		failed := cli(t, dir, "call", "fail", `"out of paper"`)
		if failed.code != 1 || failed.stdout != "" || !strings.Contains(failed.stderr, "out of paper") {
			t.Errorf("call fail: %+v", failed)
		}
		unknown := cli(t, dir, "call", "subtract", "1")
		if unknown.code != 1 || !strings.Contains(unknown.stderr, "subtract") {
			t.Errorf("call of an unknown method: %+v", unknown)
		}

		s.signal(syscall.SIGTERM)
		if code := s.exitCode(); code != 0 {
			t.Errorf("exit code after SIGTERM: %d", code)
		}

		nothingLeft(t, dir)

		// With the supervisor stopped, the ledger still tells what happened.
		list := must(t, dir, "ledger")
		for _, want := range []string{`ID +STATE +METHOD +ATTEMPTS +QUEUED +WAIT +RUN +WORKER`, id + ` +succeeded +add +1/3 `, `failed +fail +1/1 `} {
			if !regexp.MustCompile(want).MatchString(list) {
				t.Errorf("whipper ledger has no line like %q:\n%s", want, list)
			}
		}
		show := must(t, dir, "ledger", "show", id)
		for _, want := range []string{"succeeded", "[3,4]", "7", "attempt 1"} {
			if !strings.Contains(show, want) {
				t.Errorf("whipper ledger show has no %q:\n%s", want, show)
			}
		}
		if gone := cli(t, dir, "call", "add", "1", "2"); gone.code != 3 || !strings.Contains(gone.stderr, "whipper exec") {
			t.Errorf("call without a supervisor: %+v", gone)
		}
	})
}

func TestOutputOfAFunctionGoesToTheLogAndNotToTheCaller(t *testing.T) {
	scripts := map[string]string{
		"chatty.py":  "import os, subprocess\ndef talk():\n    print('from print')\n    os.write(1, b'from fd 1\\n')\n    subprocess.run(['echo', 'from a child'])\n    return 'quiet'\n",
		"chatty.mjs": "import { writeSync } from 'node:fs';\nimport { spawnSync } from 'node:child_process';\nexport function talk() {\n  console.log('from print');\n  writeSync(1, 'from fd 1\\n');\n  spawnSync('echo', ['from a child'], { stdio: 'inherit' });\n  return 'quiet';\n}\n",
	}
	for name, code := range scripts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script := filepath.Join(t.TempDir(), name)
			check(t, os.WriteFile(script, []byte(code), 0o600))
			dir := filepath.Join(t.TempDir(), "state")
			s := start(t, dir, script)
			if got := must(t, dir, "call", "talk"); got != `"quiet"` {
				t.Errorf("call printed %q", got)
			}
			s.signal(syscall.SIGTERM)
			s.exitCode()
			for _, want := range []string{"from print", "from fd 1", "from a child"} {
				if !strings.Contains(s.stderr.String(), want) {
					t.Errorf("%q is not in the log:\n%s", want, s.stderr.String())
				}
			}
		})
	}
}

func TestASecondSupervisorIsRefusedByTheFirstOnesName(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	first := start(t, dir, "testdata/worker.py")
	second := cli(t, dir, "exec", "testdata/worker.py")
	if second.code != 4 || !strings.Contains(second.stderr, fmt.Sprint(first.cmd.Process.Pid)) {
		t.Errorf("second supervisor: %+v, the first is %d", second, first.cmd.Process.Pid)
	}
	if got := must(t, dir, "call", "add", "1", "2"); got != "3" {
		t.Errorf("the first supervisor answers %q afterwards", got)
	}
}

// nothingLeft checks that a stopped supervisor leaves only what is meant to stay in its folder.
func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	for _, e := range entries {
		switch e.Name() {
		case "ledger.db", "lock", ".gitignore", "runner":
		default:
			t.Errorf("%s is left in the state folder", e.Name())
		}
	}
}
