package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/internal/config"
)

// commandLine is what the first pass over the arguments finds out. The parser proper, urfave/cli, swallows "--", cannot
// tell a flag from its environment variable and stops at the first argument that is no flag.
type commandLine struct {
	args   []string        // for the parser: flags before other arguments
	given  map[string]bool // main names of the command's flags that are on the command line itself
	dashes bool            // "--" ended the command's flags
}

// freeForm are the commands whose arguments are the user's own from the first that is no flag, "call add -5", but for so many that
// are whipper's.
var freeForm = map[string]int{"exec": 0, "call": 0, "submit": 0, "add": 2}

// arrange walks the arguments down the tree of commands. It rejects commands and flags that don't exist, with the
// nearest that do, and lets flags follow a command's arguments where those cannot be meant for somebody else.
func arrange(app *cli.App, args []string) (commandLine, error) {
	help := []cli.Flag{cli.HelpFlag}
	line := commandLine{args: args[:1:1]}
	path, flags, commands := app.Name, append(help, app.Flags...), app.Commands
	rest := args[1:]
	for name := ""; ; {
		var err error
		line.given, line.dashes = map[string]bool{}, false
		if rest, err = line.takeFlags(path, flags, rest); err != nil {
			return line, err
		}
		if len(commands) > 0 && len(rest) > 0 && !line.dashes {
			next := named(commands, rest[0])
			if next == nil {
				return line, unknownCommand(path, commands, rest)
			}
			if name != "" && len(line.given) > 0 {
				return line, misuse("write "+path+" "+next.Name+" and then the flags", "flags before %s are not its own", next.Name)
			}
			line.args = append(line.args, rest[0])
			name, path, flags, commands, rest = next.Name, path+" "+next.Name, append(help, next.Flags...), next.Subcommands, rest[1:]
			continue
		}
		if own, ok := freeForm[name]; ok {
			var words []string
			for ; own > 0 && len(rest) > 0 && !line.dashes; own-- {
				words = append(words, rest[0])
				if rest, err = line.takeFlags(path, flags, rest[1:]); err != nil {
					return line, err
				}
			}
			line.args = append(append(line.args, words...), rest...)
			return line, nil
		}
		return line, line.takeRest(path, flags, rest)
	}
}

// takeRest takes arguments and flags in any order.
func (l *commandLine) takeRest(path string, flags []cli.Flag, rest []string) error {
	var others []string
	for len(rest) > 0 && !l.dashes {
		others, rest = append(others, rest[0]), rest[1:]
		var err error
		if rest, err = l.takeFlags(path, flags, rest); err != nil {
			return err
		}
	}
	l.args = append(l.args, others...)
	if l.dashes {
		l.args = append(l.args, "--")
	}
	l.args = append(l.args, rest...)
	return nil
}

// takeFlags takes leading flags, with their values, as the parser will, up to and with "--".
func (l *commandLine) takeFlags(path string, flags []cli.Flag, rest []string) ([]string, error) {
	for len(rest) > 0 {
		arg := rest[0]
		if arg == "--" {
			l.dashes = true
			return rest[1:], nil
		}
		if len(arg) < 2 || arg[0] != '-' {
			break
		}
		name, _, hasValue := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		flag := flagNamed(flags, name)
		if flag == nil {
			return nil, unknownFlag(path, flags, arg)
		}
		l.given[flag.Names()[0]] = true
		take := 1
		if d, ok := flag.(cli.DocGenerationFlag); ok && d.TakesValue() && !hasValue {
			if take = 2; len(rest) < 2 {
				return nil, misuse("see "+path+" --help", "flag %s needs a value", arg)
			}
		}
		l.args = append(l.args, rest[:take]...)
		rest = rest[take:]
	}
	return rest, nil
}

func named(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

func flagNamed(flags []cli.Flag, name string) cli.Flag {
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

func unknownCommand(path string, commands []*cli.Command, words []string) error {
	name := words[0]
	if name == "help" {
		if len(words) > 1 && named(commands, words[1]) != nil {
			path += " " + words[1]
		}
		return misuse(path+" --help", "unknown command %q", name)
	}
	if path == "whipper completion" { // shells' names are all near one another
		return unknownShell(name)
	}
	var names []string
	for _, c := range commands {
		if !c.Hidden {
			names = append(names, c.Names()...)
		}
	}
	if _, err := strconv.ParseUint(name, 10, 64); err == nil && path == "whipper ledger" {
		return misuse("one job whole: whipper ledger show "+name, "unknown command %q", name)
	}
	if hasRunner(name) {
		return misuse("to run a script: whipper exec "+name, "unknown command %q", name)
	}
	return misuse(didYouMean(name, names, "see "+path+" --help"), "unknown command %q", name)
}

func unknownFlag(path string, flags []cli.Flag, arg string) error {
	arg, _, _ = strings.Cut(arg, "=")
	if arg == "--version" || arg == "-version" || arg == "-v" {
		return misuse("whipper version", "%s has no flag %s", path, arg)
	}
	var names []string
	for _, f := range flags {
		for _, n := range f.Names() {
			if len(n) > 1 {
				names = append(names, "--"+n)
			}
		}
	}
	return misuse(didYouMean(arg, names, "see "+path+" --help"), "%s has no flag %s", path, arg)
}

// didYouMean is a hint that names the nearest of names, or otherwise if none is near.
func didYouMean(word string, names []string, otherwise string) string {
	if near := config.Nearest(word, names); near != "" {
		return "did you mean " + near + "?"
	}
	return otherwise
}
