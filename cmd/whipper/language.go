package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	sdknode "github.com/whipper-sidecar/whipper/sdk-node"
	sdkpython "github.com/whipper-sidecar/whipper/sdk-python"
	"github.com/whipper-sidecar/whipper/supervisor"
)

// language is one that scripts may be written in: it has a built-in runner.
type language struct {
	name       string
	extensions []string
	runner     fs.FS
	entry      string                     // the runner's main file
	find       func(script string) string // its interpreter, looked for as users of the language expect
	probe      []string                   // arguments that make the interpreter tell its version and, in a second line, its real path
	oldest     [2]int                     // major and minor version that the runner needs
	install    string                     // how to get it
}

var languages = []*language{
	{
		name:       "Python",
		extensions: []string{".py"},
		runner:     sdkpython.FS,
		entry:      sdkpython.Entry,
		find:       findPython,
		// The real path spares every worker the start of a version manager's shim.
		probe:   []string{"-S", "-c", "import sys; print('Python %d.%d.%d' % sys.version_info[:3]); print(sys.executable)"},
		oldest:  [2]int{3, 11},
		install: "install Python 3.11 or newer (https://www.python.org/downloads), or name one with --interpreter",
	},
	{
		name:       "Node",
		extensions: []string{".js", ".mjs", ".cjs"},
		runner:     sdknode.Runner,
		entry:      sdknode.Entry,
		find:       func(string) string { return "node" },
		probe:      []string{"--version"},
		oldest:     [2]int{20, 0},
		install:    "install Node 20 or newer (https://nodejs.org), or name one with --interpreter",
	},
}

// probeTimeout is how long an interpreter may take to tell its version.
const probeTimeout = 20 * time.Second

func languageOf(script string) *language {
	for _, l := range languages {
		if slices.Contains(l.extensions, filepath.Ext(script)) {
			return l
		}
	}
	return nil
}

func hasRunner(script string) bool { return languageOf(script) != nil }

func scriptExtensions() []string {
	var all []string
	for _, l := range languages {
		all = append(all, l.extensions...)
	}
	return all
}

// findPython is the interpreter of the active virtual environment, of the nearest .venv above the script, or PATH's.
func findPython(script string) string {
	if env := os.Getenv("VIRTUAL_ENV"); env != "" {
		return filepath.Join(env, "bin", "python")
	}
	for dir := filepath.Dir(script); ; dir = filepath.Dir(dir) {
		python := filepath.Join(dir, ".venv", "bin", "python")
		if _, err := os.Stat(python); err == nil {
			return python
		}
		if dir == filepath.Dir(dir) {
			return "python3"
		}
	}
}

var versionPattern = regexp.MustCompile(`^(?:Python |v)(\d+)\.(\d+)\.\d+\S*(?:\n(.+))?`)

// check returns the path and version of the interpreter for script: the one named by chosen, or the language's own way of finding it.
func (l *language) check(ctx context.Context, chosen, script string, as *supervisor.Account) (path, version string, err error) {
	name := chosen
	if name == "" {
		name = l.find(script)
	}
	path, err = exec.LookPath(name)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	hint := l.install
	if chosen != "" {
		hint = "--interpreter names the " + l.name + " that runs " + filepath.Base(script)
	}
	if err != nil {
		code := exitCannotRun
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
			code = exitNotFound
		}
		return "", "", &failure{Code: code, Err: fmt.Errorf("%s, which runs %s, was not found: %w", l.name, filepath.Base(script), err), Hint: hint}
	}
	version, real, err := l.ask(ctx, path, as)
	if ctx.Err() != nil {
		return "", "", ctx.Err()
	}
	if err != nil {
		return "", "", &failure{Code: exitCannotRun, Err: fmt.Errorf("ask %s which %s it is: %w", path, l.name, err), Hint: hint}
	}
	if !l.newEnough(version) {
		return "", "", &failure{
			Code: exitCannotRun,
			Err:  fmt.Errorf("%s %s at %s is too old: %s needs %d.%d or newer", l.name, version, path, filepath.Base(script), l.oldest[0], l.oldest[1]),
			Hint: hint,
		}
	}
	return real, version, nil
}

// ask has the interpreter at path tell its version and its real path, as the given user if that is another.
func (l *language) ask(ctx context.Context, path string, as *supervisor.Account) (version, real string, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, l.probe...)
	cmd.WaitDelay = time.Second
	if as != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: as.UID, Gid: as.GID, Groups: as.Groups}}
		cmd.Env = supervisor.Environ(os.Environ(), as.Environ()...)
	}
	output, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && len(exit.Stderr) > 0 {
			return "", "", fmt.Errorf("%w: %s", err, lastLine(string(exit.Stderr)))
		}
		return "", "", err
	}
	m := versionPattern.FindStringSubmatch(string(output))
	if m == nil {
		return "", "", fmt.Errorf("it answered %q", lastLine(string(output)))
	}
	if m[3] == "" {
		m[3] = path
	}
	return m[1] + "." + m[2], strings.TrimSpace(m[3]), nil
}

func (l *language) newEnough(version string) bool {
	major, minor, _ := strings.Cut(version, ".")
	a, _ := strconv.Atoi(major) // both matched \d+
	b, _ := strconv.Atoi(minor)
	return slices.Compare([]int{a, b}, l.oldest[:]) >= 0
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
