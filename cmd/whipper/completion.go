package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/internal/config"
)

func completionCommand(c *console) *cli.Command {
	print := func(write func(io.Writer, []completable)) cli.ActionFunc {
		return func(cc *cli.Context) error {
			if err := noArguments(cc); err != nil {
				return err
			}
			var b strings.Builder
			write(&b, completables(cc.App.Name, cc.App.Flags, cc.App.Commands))
			_, err := io.WriteString(c.out, b.String())
			return err
		}
	}
	return &cli.Command{
		Name:  "completion",
		Usage: "print a completion script for a shell",
		Description: "bash: source <(whipper completion bash), in ~/.bashrc\n" +
			"zsh:  source <(whipper completion zsh), in ~/.zshrc, after compinit\n" +
			"fish: whipper completion fish >~/.config/fish/completions/whipper.fish",
		Subcommands: []*cli.Command{
			{Name: "bash", Usage: "for bash", Action: print(bashCompletion)},
			{Name: "zsh", Usage: "for zsh", Action: print(zshCompletion)},
			{Name: "fish", Usage: "for fish", Action: print(fishCompletion)},
		},
		Action: func(cc *cli.Context) error {
			if cc.NArg() == 0 {
				return misuse("whipper completion bash, zsh or fish", "completion needs the name of a shell")
			}
			return unknownShell(cc.Args().First()) // behind --
		},
	}
}

func unknownShell(name string) error {
	return misuse("there is bash, zsh and fish", "no completion for %q", name)
}

// completable is one level of the command tree, as the scripts need it.
type completable struct {
	path     string // "whipper ledger"
	commands []word
	flags    []word
	files    bool // its arguments are files
}

// word is what can be completed.
type word struct {
	name, usage string
	value       bool // a flag that takes a value
	choices     []string
	files       bool // the value is a file or folder
}

func completables(path string, flags []cli.Flag, commands []*cli.Command) []completable {
	level := completable{path: path, files: path == "whipper exec"}
	var below []completable
	for _, command := range commands {
		if command.Hidden {
			continue
		}
		level.commands = append(level.commands, word{name: command.Name, usage: command.Usage})
		below = append(below, completables(path+" "+command.Name, command.Flags, command.Subcommands)...)
	}
	for _, f := range flags {
		if f.Names()[0] != cli.HelpFlag.Names()[0] {
			level.flags = append(level.flags, flagWord(f))
		}
	}
	level.flags = append(level.flags, word{name: "--help", usage: "show help"})
	return append([]completable{level}, below...)
}

func flagWord(f cli.Flag) word {
	name := f.Names()[0]
	w := word{name: "--" + name}
	if d, ok := f.(cli.DocGenerationFlag); ok {
		w.usage, w.value = strings.ReplaceAll(d.GetUsage(), "`", ""), d.TakesValue()
	}
	if g, ok := f.(*cli.GenericFlag); ok {
		if ch, ok := g.Value.(*config.Choice); ok {
			w.choices = ch.Words
		}
	}
	if name == "state" {
		for _, s := range jobStates {
			w.choices = append(w.choices, string(s))
		}
	}
	w.files = slices.Contains([]string{"dir", "socket", "cwd", "interpreter", "batch", "config"}, name)
	return w
}

func bashCompletion(b io.Writer, levels []completable) {
	fmt.Fprint(b, `# bash completion of whipper
_whipper_reply() {  # one word a line: names of files may have blanks
  mapfile -t COMPREPLY < <(compgen "$@")
  ((${#COMPREPLY[@]}))
}
_whipper() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path=whipper i word
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case "$path $word" in
`)
	var paths []string
	for _, l := range levels[1:] {
		paths = append(paths, "'"+l.path+"'")
	}
	fmt.Fprintf(b, "      %s) path+=\" $word\" ;;\n    esac\n  done\n  case \"$path $prev\" in\n", strings.Join(paths, "|"))
	for _, l := range levels {
		for _, f := range l.flags {
			switch {
			case f.choices != nil:
				fmt.Fprintf(b, "    '%s %s') _whipper_reply -W '%s' -- \"$cur\"; return ;;\n", l.path, f.name, strings.Join(f.choices, " "))
			case f.files:
				fmt.Fprintf(b, "    '%s %s') _whipper_reply -f -- \"$cur\"; return ;;\n", l.path, f.name)
			case f.value:
				fmt.Fprintf(b, "    '%s %s') return ;;\n", l.path, f.name)
			}
		}
	}
	fmt.Fprint(b, "  esac\n  case \"$path\" in\n")
	for _, l := range levels {
		var words []string
		for _, w := range l.commands {
			words = append(words, w.name)
		}
		list := func(words []word) string {
			var names []string
			for _, w := range words {
				names = append(names, w.name)
			}
			return strings.Join(names, " ")
		}
		files := ""
		if l.files {
			files = " || _whipper_reply -f -- \"$cur\""
		}
		fmt.Fprintf(b, "    '%s') [[ $cur == -* ]] && _whipper_reply -W '%s' -- \"$cur\"", l.path, list(l.flags))
		if len(words) > 0 {
			fmt.Fprintf(b, " || _whipper_reply -W '%s' -- \"$cur\"", strings.Join(words, " "))
		}
		fmt.Fprintf(b, "%s ;;\n", files)
	}
	fmt.Fprint(b, "  esac\n}\ncomplete -o filenames -F _whipper whipper\n")
}

func zshCompletion(b io.Writer, levels []completable) {
	fmt.Fprint(b, "#compdef whipper\n# zsh completion of whipper\n")
	for _, l := range levels {
		fmt.Fprintf(b, "%s() {\n", shellName(l.path))
		if len(l.commands) > 0 {
			fmt.Fprint(b, "  local -a commands=(\n")
			for _, w := range l.commands {
				fmt.Fprintf(b, "    '%s:%s'\n", w.name, quoted(w.usage))
			}
			fmt.Fprint(b, "  )\n")
		}
		fmt.Fprint(b, "  _arguments -C")
		for _, f := range l.flags {
			spec := f.name + "[" + strings.NewReplacer("[", "(", "]", ")", ":", `\:`).Replace(f.usage) + "]"
			switch {
			case f.choices != nil:
				spec += ":value:(" + strings.Join(f.choices, " ") + ")"
			case f.files:
				spec += ":file:_files"
			case f.value:
				spec += ":value: "
			}
			fmt.Fprintf(b, " \\\n    '%s'", quoted(spec))
		}
		switch {
		case len(l.commands) > 0:
			fmt.Fprint(b, " \\\n    '1:command:{_describe command commands}' '*::argument:->rest'\n")
			fmt.Fprint(b, "  [[ $state == rest ]] || return\n  case $words[1] in\n")
			for _, w := range l.commands {
				fmt.Fprintf(b, "    %s) %s ;;\n", w.name, shellName(l.path+" "+w.name))
			}
			fmt.Fprint(b, "  esac\n}\n")
		case l.files:
			fmt.Fprint(b, " \\\n    '*:file:_files'\n}\n")
		default:
			fmt.Fprint(b, "\n}\n")
		}
	}
	fmt.Fprint(b, "compdef _whipper whipper\n")
}

func fishCompletion(b io.Writer, levels []completable) {
	fmt.Fprint(b, "# fish completion of whipper\ncomplete -c whipper -f\n")
	for _, l := range levels {
		when := "__fish_use_subcommand"
		if names := strings.Fields(l.path)[1:]; len(names) > 0 {
			when = "__fish_seen_subcommand_from " + strings.Join(names, "; and __fish_seen_subcommand_from ")
		}
		for _, w := range l.commands {
			fmt.Fprintf(b, "complete -c whipper -n '%s' -a %s -d '%s'\n", when, w.name, quoted(w.usage))
		}
		for _, f := range l.flags {
			fmt.Fprintf(b, "complete -c whipper -n '%s' -l %s -d '%s'", when, strings.TrimPrefix(f.name, "--"), quoted(f.usage))
			switch {
			case f.choices != nil:
				fmt.Fprintf(b, " -x -a '%s'", strings.Join(f.choices, " "))
			case f.files:
				fmt.Fprint(b, " -r -F")
			case f.value:
				fmt.Fprint(b, " -x")
			}
			fmt.Fprintln(b)
		}
		if l.files {
			fmt.Fprintf(b, "complete -c whipper -n '%s' -F\n", when)
		}
	}
}

// shellName is a level's function.
func shellName(path string) string { return "_" + strings.ReplaceAll(path, " ", "_") }

// quoted is text that may stand between single quotes in all three shells.
func quoted(s string) string { return strings.ReplaceAll(s, "'", "’") }
