package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/whipper-sidecar/whipper/internal/config"
	"github.com/whipper-sidecar/whipper/supervisor"
)

// program is what a pool runs: a script for a built-in runner, or a command.
type program struct {
	language    *language // of a script; nil: a command
	script      string    // absolute
	interpreter string    // as the user chose it; "": to be looked for
	args        []string  // a script's arguments, or the whole command
}

// findProgram finds what a pool is to run.
func findProgram(p *config.Pool) (program, error) {
	if p.Script == "" {
		return resolveCommand(p.Command)
	}
	asCommand := func(argv []string) string { return "whipper exec -- " + strings.Join(argv, " ") }
	if p.OfFile() {
		asCommand = func(argv []string) string { return "command: [" + strings.Join(argv, ", ") + "]" }
	}
	return resolveScript(append([]string{p.Script}, p.Args...), p.Interpreter, asCommand)
}

// resolveCommand finds the program of a command. Relative paths are meant from the working folder, whatever --cwd says.
func resolveCommand(argv []string) (program, error) {
	path, err := exec.LookPath(argv[0])
	switch {
	case err == nil:
	case errors.Is(err, exec.ErrDot):
		return program{}, &failure{Code: exitNotFound, Err: err, Hint: "write ./" + argv[0] + " for the one in this folder"}
	case errors.Is(err, exec.ErrNotFound):
		return program{}, &failure{
			Code: exitNotFound, Err: fmt.Errorf("worker command %q not found on PATH", argv[0]),
			Hint: "check the spelling, or write its path",
		}
	case errors.Is(err, fs.ErrNotExist):
		return program{}, missing("worker command", argv[0])
	case isDir(argv[0]):
		return program{}, &failure{Code: exitCannotRun, Err: fmt.Errorf("worker command %s is a folder", argv[0])}
	default:
		return program{}, &failure{
			Code: exitCannotRun, Err: fmt.Errorf("cannot run worker command %s: %w", argv[0], err),
			Hint: "make it executable with: chmod +x " + argv[0],
		}
	}
	if path, err = filepath.Abs(path); err != nil {
		return program{}, fmt.Errorf("find worker command: %w", err)
	}
	return program{args: append([]string{path}, argv[1:]...)}, nil
}

// resolveScript finds a script and the runner for it. asCommand is how one writes that argv is to be run as it is.
func resolveScript(argv []string, interpreter string, asCommand func(argv []string) string) (program, error) {
	name := argv[0]
	language := languageOf(name)
	if isDir(name) {
		return program{}, &failure{Code: exitCannotRun, Err: fmt.Errorf("script %s is a folder", name)}
	}
	if language == nil {
		if _, err := os.Stat(name); err != nil && filepath.Ext(name) == "" {
			return program{}, &failure{
				Code: exitNotFound, Err: fmt.Errorf("script %s not found", name),
				Hint: "to run a command: " + asCommand(argv),
			}
		}
		if !strings.ContainsRune(name, filepath.Separator) {
			name = "./" + name
		}
		return program{}, misuse("to run it as it is: "+asCommand(append([]string{name}, argv[1:]...)),
			"no built-in runner for %s: it runs %s", argv[0], strings.Join(scriptExtensions(), " "))
	}
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would have us wait for who writes to it
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return program{}, missing("script", name)
	case err != nil:
		return program{}, &failure{Code: exitCannotRun, Err: fmt.Errorf("cannot read the script: %w", err)}
	}
	_ = file.Close()
	path, err := filepath.Abs(name)
	if err != nil {
		return program{}, fmt.Errorf("find the script: %w", err)
	}
	return program{language: language, script: path, interpreter: interpreter, args: argv[1:]}, nil
}

// check finds a script's interpreter and makes sure that it is new enough. It is asked as the workers' user: it may be that
// user's own, which must not run with more rights than theirs.
func (p program) check(ctx context.Context, account *supervisor.Account) (interpreter string, err error) {
	if p.language == nil {
		return "", nil
	}
	interpreter, _, err = p.language.check(ctx, p.interpreter, p.script, account)
	return interpreter, err
}

// command is the workers' argv. For a script it puts the runner into the state folder, whose lock the caller holds, or where
// account can read it.
func (p program) command(dir, interpreter string, account *supervisor.Account) ([]string, error) {
	if p.language == nil {
		return p.args, nil
	}
	cache := runnerCache{dir: filepath.Join(dir, "runner")}
	if account != nil {
		var err error
		if cache, err = sharedCache(); err != nil {
			return nil, fmt.Errorf("unpack the runner where user %d can read it: %w", account.UID, err)
		}
	}
	runner, err := p.language.extract(cache)
	if err != nil {
		return nil, fmt.Errorf("unpack the runner for %s: %w", p.language.name, err)
	}
	return append([]string{interpreter, runner, p.script}, p.args...), nil
}

// missing names a file that is not there and the one in its folder that may be meant.
func missing(what, name string) error {
	f := &failure{Code: exitNotFound, Err: fmt.Errorf("%s %s not found", what, name)}
	dir := filepath.Dir(name)
	entries, err := os.ReadDir(dir)
	if err != nil {
		f.Hint = "there is no folder " + dir
		return f
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	if near := config.Nearest(filepath.Base(name), names); near != "" {
		f.Hint = "did you mean " + filepath.Join(dir, near) + "?"
	}
	return f
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}
