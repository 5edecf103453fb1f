package endtoend

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// edits are the versions of a script: answer 1, broken, answer 2; and one that takes its answer from another file.
var edits = []struct {
	name, helper        string
	first, broken, next string
	importing, fourth   string
	complaint           string
}{
	{
		"tasks.py", "lib/deep/helper.py",
		"def answer(): return 1\n", "def answer(: return 2\n", "def answer(): return 2\n",
		"import sys, os\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib', 'deep'))\nimport helper\ndef answer(): return helper.n\n", "n = %s\n",
		"SyntaxError",
	},
	{
		"tasks.mjs", "lib/deep/helper.mjs",
		"export const answer = () => 1;\n", "export const answer = ( => 2;\n", "export const answer = () => 2;\n",
		"import { n } from './lib/deep/helper.mjs';\nexport const answer = () => n;\n", "export const n = %s;\n",
		"SyntaxError",
	},
}

func TestWatchedFilesRestartTheWorkersAndABrokenScriptLeavesTheOldOnes(t *testing.T) {
	for _, e := range edits {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			script := filepath.Join(folder, e.name)
			save := func(name, content string) { // as many editors do: a new file takes the name
				t.Helper()
				path := filepath.Join(folder, name)
				check(t, os.MkdirAll(filepath.Dir(path), 0o700))
				check(t, os.WriteFile(path+".new~", []byte(content), 0o600))
				check(t, os.Rename(path+".new~", path))
			}
			save(e.name, e.first)
			pattern := "**/*" + filepath.Ext(e.name)
			s := prepare(t, filepath.Join(folder, ".whipper"), "--watch", pattern, "--watch", "none/*.toml", "--min-workers", "2", "--max-workers", "2", script)
			s.cmd.Dir = folder
			s.begin()
			s.says(1, `whipper: pool default restarts when a file changes: 1 file watched\n`)
			s.says(1, `whipper: pool default: --watch "none/\*.toml" matches no file yet\n`)
			s.says(1, `pool default is ready`)
			c := s.client()
			eventually(t, "two workers serve", func() bool { return len(s.workers(c, "processing")) == 2 })
			load := s.loadWith(4, "answer")
			load.answer("1")

			save(e.name, e.broken)
			s.says(1, `whipper: pool default: `+e.name+` changed: a new worker did not get ready, the old workers go on serving: exit code 1 before it was ready; it printed:\n(.*\n)*?.*`+e.complaint)
			load.answer("1")
			save(e.name, e.next)
			s.says(1, `whipper: pool default: `+e.name+` changed: 2 workers replaced\n`)
			load.answer("2")

			save(e.helper, strings.Replace(e.fourth, "%s", "3", 1))
			s.says(1, `whipper: pool default: `+e.helper+` changed: 2 workers replaced\n`)
			save(e.name, e.importing)
			s.says(2, `whipper: pool default: `+e.name+` changed: 2 workers replaced\n`)
			load.answer("3")
			save(e.helper, strings.Replace(e.fourth, "%s", "4", 1))
			s.says(2, `whipper: pool default: `+e.helper+` changed: 2 workers replaced\n`)
			load.answer("4")

			check(t, os.Remove(script))
			s.says(2, `whipper: pool default: `+e.name+` changed: a new worker did not get ready, the old workers go on serving: `)
			load.answer("4")
			save(e.name, e.next)
			s.says(3, `whipper: pool default: `+e.name+` changed: 2 workers replaced\n`)
			load.answer("2")
			calls, slowest := load.end()
			t.Logf("%d calls, the slowest took %s", calls, slowest)
			stop(t, s)
		})
	}
}

func TestAScriptThatIsBrokenFromTheStartIsRepairedByTheNextSave(t *testing.T) {
	t.Parallel()
	script := script(t, "tasks.py", "def answer(: return 1\n")
	s := prepare(t, filepath.Join(t.TempDir(), "state"), "--watch", filepath.Dir(script), script)
	s.begin()
	s.says(5, `msg="worker process ended"`)
	check(t, os.WriteFile(script, []byte("def answer(: return 2\n"), 0o600))
	s.says(1, `whipper: pool default: .* changed: a new worker did not get ready, no worker serves: `)
	check(t, os.WriteFile(script, []byte("def answer(): return 3\n"), 0o600))
	s.says(1, `pool default is ready`)
	if got := must(t, s.dir, "call", "answer"); got != "3" {
		t.Errorf("call printed %s", got)
	}
	stop(t, s)
}

func TestAGlobThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	out := cli(t, filepath.Join(t.TempDir(), "state"), "exec", "--watch", "**/*.{py", "testdata/worker.py")
	if out.code != 2 || !strings.Contains(out.stderr, `--watch: "**/*.{py" is no pattern: a bracket or brace is not closed`) {
		t.Errorf("%+v", out)
	}
}
