package checks

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// starters are the files of what is shipped that start a process, and why no shell sees what they start.
var starters = map[string]string{
	"cmd/whipper/language.go":                  "an interpreter is asked for its version; its path is looked up, the arguments are constants",
	"sdk-go/sidecar.go":                        "whipper itself",
	"sdk-node/src/client/sidecar.mjs":          "whipper itself",
	"sdk-python/src/whipper/client/sidecar.py": "whipper itself",
	"supervisor/forker.go":                     "the workers' command, as a list",
	"supervisor/launch.go":                     "the same, in place of the launcher",
	"supervisor/process_other.go":              "ps, with constants and a number",
}

// shipped are the files of what is shipped, in patterns of git's. Tests, examples and measurements may use a shell.
var shipped = []string{"cmd/*.go", "jsonrpc/*.go", "ledger/*.go", "migrations/*.go", "sdk-go/*.go", "server/*.go", "supervisor/*.go", "internal/*.go", "sdk-node/src", "sdk-python/src"}

// unshipped are folders among these that hold programs for tests.
var unshipped = []string{"internal/chaos/", "internal/matrix/", "internal/endtoend/", "internal/checks/", "ledger/ledgertest/"}

// starting finds what starts a process in JavaScript or Python, and shelling what has a shell do it.
var (
	starting = regexp.MustCompile(`node:child_process"$|node:child_process";|\bsubprocess\.(?:run|call|check_call|check_output|Popen)\b|\bos\.(?:exec|spawn|posix_spawn)\w*\(|\bcreate_subprocess_\w+`)
	shelling = regexp.MustCompile(`\bshell\s*[=:]\s*[Tt]rue|\bexec(?:Sync)?\b.*node:child_process|\bos\.(?:system|popen)\(|\bget(?:status)?output\(|\bcreate_subprocess_shell\b|\bnew Function\(|[^.\w]eval\(`)
)

// findStarts gives the places in a Go file that start a process, and those that have a shell do it.
func findStarts(file, text string) (starts, shells []string) {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, []string{err.Error()}
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		of, ok := selector.X.(*ast.Ident)
		if !ok || !slices.Contains([]string{"exec.Command", "exec.CommandContext", "os.StartProcess", "syscall.Exec", "syscall.ForkExec", "unix.Exec"}, of.Name+"."+selector.Sel.Name) {
			return true
		}
		place := fmt.Sprintf("%s:%d", file, set.Position(call.Pos()).Line)
		starts = append(starts, place)
		for _, arg := range call.Args {
			if literal, ok := arg.(*ast.BasicLit); ok && regexp.MustCompile(`^"(?:.*/)?(?:ba|da|z|k)?sh"$|^"-c"$`).MatchString(literal.Value) {
				shells = append(shells, place+": a shell is run")
				break
			}
		}
		return true
	})
	return starts, shells
}

// findStartsOfText does the same for a file of JavaScript or Python.
func findStartsOfText(file, text string) (starts, shells []string) {
	for i, line := range strings.Split(text, "\n") {
		place := fmt.Sprintf("%s:%d", file, i+1)
		if starting.MatchString(line) {
			starts = append(starts, place)
		}
		if shelling.MatchString(line) {
			shells = append(shells, place+": a shell, or code from text, is run")
		}
	}
	return starts, shells
}

func TestNoShellIsRunAndProcessesAreStartedInKnownPlacesOnly(t *testing.T) {
	started := map[string]bool{}
	for _, file := range files(t, shipped...) {
		if strings.HasSuffix(file, "_test.go") || slices.ContainsFunc(unshipped, func(folder string) bool { return strings.HasPrefix(file, folder) }) {
			continue
		}
		find := findStartsOfText
		if strings.HasSuffix(file, ".go") {
			find = findStarts
		} else if !strings.HasSuffix(file, "js") && !strings.HasSuffix(file, ".py") {
			continue
		}
		starts, shells := find(file, read(t, file))
		report(t, shells)
		for _, place := range starts {
			started[file] = true
			if starters[file] == "" {
				t.Errorf("%s starts a process: say in starters why no shell sees what it starts", place)
			}
		}
	}
	for file := range starters {
		if !started[file] {
			t.Errorf("%s starts no process any more: take it out of starters", file)
		}
	}
}

func TestShellsAreFound(t *testing.T) {
	_, shells := findStarts("a.go", "package a\nfunc f() {\n exec.Command(\"/bin/sh\", \"x\")\n exec.CommandContext(ctx, \"bash\")\n exec.Command(p, \"-c\", x)\n exec.Command(\"ps\", \"-o\")\n}")
	expect(t, shells, "a.go:3: a shell is run", "a.go:4: a shell is run", "a.go:5: a shell is run")
	starts, shells := findStartsOfText("a.py", "subprocess.run(x)\nsubprocess.Popen(x, shell=True)\nos.system(x)\nre.eval(x)\nx = eval(y)")
	expect(t, starts, "a.py:1", "a.py:2")
	expect(t, shells, "a.py:2: a shell, or code from text, is run", "a.py:3: a shell, or code from text, is run", "a.py:5: a shell, or code from text, is run")
	starts, shells = findStartsOfText("a.mjs", "import { spawn } from \"node:child_process\";\nimport { execSync } from \"node:child_process\";\nspawn(a, { shell: true })")
	expect(t, starts, "a.mjs:1", "a.mjs:2")
	expect(t, shells, "a.mjs:2: a shell, or code from text, is run", "a.mjs:3: a shell, or code from text, is run")
}
