package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func arranged(args ...string) (commandLine, error) {
	app := newApp(&console{out: io.Discard, err: io.Discard})
	return arrange(app, append([]string{"whipper"}, args...))
}

func TestFlagsMayFollowArgumentsThatAreWhippersOwn(t *testing.T) {
	for line, want := range map[string]string{
		"wait 1 --timeout 3s 2 --json": "wait --timeout 3s --json 1 2",
		"ledger show 2 --dir=x":        "ledger show --dir=x 2",
		"wait 1 -- --json":             "wait 1 -- --json",
		"wait -- 1":                    "wait -- 1",
		"call add --timeout 3s":        "call add --timeout 3s",
		"call --timeout 3s add -5":     "call --timeout 3s add -5",
		"exec --pool x a.py --pool y":  "exec --pool x a.py --pool y",
		"submit --wait add --wait":     "submit --wait add --wait",
		"schedule add --jitter 1s n --pool p @daily --json m --pool 1": "schedule add --jitter 1s --pool p --json n @daily m --pool 1",
	} {
		got, err := arranged(strings.Fields(line)...)
		if err != nil || strings.Join(got.args[1:], " ") != want {
			t.Errorf("%s: %v (%v), want %s", line, got.args[1:], err, want)
		}
	}
}

func TestDashesCountOnlyWhereTheyEndTheCommandsOwnFlags(t *testing.T) {
	for line, want := range map[string]bool{
		"exec -- a": true, "exec --pool x -- a": true, "exec a.py -- b": false, "exec --env -- a.py": false, "exec a.py": false,
	} {
		if got, err := arranged(strings.Fields(line)...); err != nil || got.dashes != want {
			t.Errorf("%s: %v (%v), want %v", line, got.dashes, err, want)
		}
	}
}

func TestFlagsOnTheCommandLineAreToldFromTheEnvironment(t *testing.T) {
	t.Setenv("WHIPPER_SOCKET", "/tmp/other.sock")
	line, err := arranged("stats", "--dir", "x")
	if err != nil || !line.given["dir"] || line.given["socket"] {
		t.Errorf("given %v (%v)", line.given, err)
	}
}

func TestWhatDoesNotExistIsRefusedWithTheNearestThatDoes(t *testing.T) {
	for line, want := range map[string]string{
		"exce a.py":           "did you mean exec?",
		"ledger lst":          "did you mean list?",
		"exec --min-wrkers 1": "did you mean --min-workers?",
		"wait 1 --jsn":        "did you mean --json?",
		"a.py":                "to run a script: whipper exec a.py",
		"zzzzzzzz":            "see whipper --help",
	} {
		_, err := arranged(strings.Fields(line)...)
		if err == nil || explain(err).Hint != want || explain(err).Code != exitUsage {
			t.Errorf("%s: %v, hint %q, want %q", line, err, explain(err).Hint, want)
		}
	}
}

func TestEveryFlagHasAnEnvironmentVariableAndEveryListingJSON(t *testing.T) {
	var visit func(path string, commands []*cli.Command)
	visit = func(path string, commands []*cli.Command) {
		for _, command := range commands {
			names := []string{}
			for _, f := range command.Flags {
				names = append(names, f.Names()...)
				d := f.(cli.DocGenerationFlag)
				if want := envOf(f.Names()[0]); !slices.Equal(d.GetEnvVars(), want) {
					t.Errorf("%s %s --%s has the variables %v, want %v", path, command.Name, f.Names()[0], d.GetEnvVars(), want)
				}
				if d.GetUsage() == "" {
					t.Errorf("%s %s --%s is not described", path, command.Name, f.Names()[0])
				}
			}
			listing := slices.Contains([]string{"call", "submit", "wait", "ledger", "list", "show", "stats", "status", "doctor", "version"}, command.Name)
			if listing && !slices.Contains(names, "json") {
				t.Errorf("%s %s has no --json", path, command.Name)
			}
			visit(path+" "+command.Name, command.Subcommands)
		}
	}
	visit("whipper", newApp(&console{}).Commands)
}
