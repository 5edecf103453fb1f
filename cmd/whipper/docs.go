package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/internal/config"
)

// docsCommand prints those parts of the documents that cannot tell anything but what the code does: they are made from it.
func docsCommand(c *console) *cli.Command {
	print := func(name, usage string, page func(*cli.App) string) *cli.Command {
		return &cli.Command{Name: name, Usage: usage, Action: func(cc *cli.Context) error {
			if err := noArguments(cc); err != nil {
				return err
			}
			_, err := io.WriteString(c.out, page(cc.App))
			return err
		}}
	}
	return &cli.Command{
		Name:   "docs",
		Usage:  "print what is generated of the documents",
		Hidden: true,
		Subcommands: []*cli.Command{
			print("cli", "docs/cli.md", commandLinePage),
			print("configuration", "docs/configuration.md", func(*cli.App) string { return config.Page() }),
			print("schema", "docs/whipper.schema.json", func(*cli.App) string { return string(config.Schema()) }),
		},
		Action: func(*cli.Context) error {
			return misuse("whipper docs cli, configuration or schema", "docs needs the name of a document")
		},
	}
}

// commandLinePage is the reference of the command line as Markdown.
func commandLinePage(app *cli.App) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Command line\n\n<!-- Written by `make docs` from the commands themselves. -->\n\n%s.\n\n", sentence(app.Usage))
	b.WriteString(app.Description + " Results go to stdout, everything else to stderr. Every flag can also be given by the\n" +
		"environment variable that stands beside it; the command line goes first. Durations are written as `500ms`, `1m30s` or\n" +
		"`1d12h`, sizes as `100MiB`.\n\n")
	b.WriteString(exitCodes)
	for _, command := range app.Commands {
		document(&b, "whipper", command)
	}
	return b.String()
}

const exitCodes = `| exit code | meaning |
|---|---|
| 0 | done; for ` + "`exec`" + `, drained |
| 1 | a job failed, or something else that has no code of its own |
| 2 | wrong usage |
| 3 | no supervisor can be reached |
| 4 | the ledger is held by another supervisor, damaged, not there, or could not be written at the end |
| 124 | timed out |
| 126, 127 | the worker command cannot be run, or was not found |
| 130 | interrupted |
`

func document(b *strings.Builder, parent string, command *cli.Command) {
	if command.Hidden {
		return
	}
	path := parent + " " + command.Name
	fmt.Fprintf(b, "\n%s %s\n\n%s.\n", strings.Repeat("#", len(strings.Fields(path))), path, sentence(command.Usage))
	if command.Action != nil && (len(command.Subcommands) == 0 || len(command.Flags) > 1) {
		usage := path
		if len(command.Flags) > 1 {
			usage += " [flags]"
		}
		for i, form := range strings.Split(command.ArgsUsage, " | ") {
			if i > 0 {
				usage += "\n" + path + " [flags]"
			}
			usage += " " + form
		}
		fmt.Fprintf(b, "\n```\n%s\n```\n", strings.ReplaceAll(usage, " \n", "\n"))
	}
	if command.Description != "" {
		fmt.Fprintf(b, "\n%s\n", command.Description)
	}
	var rows []string
	for _, f := range command.Flags {
		if d, ok := f.(cli.DocGenerationFlag); ok && f.Names()[0] != cli.HelpFlag.Names()[0] {
			rows = append(rows, flagRow(f.Names()[0], d))
		}
	}
	if len(rows) > 0 {
		fmt.Fprintf(b, "\n| flag | default | environment | |\n|---|---|---|---|\n%s", strings.Join(rows, ""))
	}
	for _, sub := range command.Subcommands {
		document(b, path, sub)
	}
}

func flagRow(name string, f cli.DocGenerationFlag) string {
	placeholder, usage := "", f.GetUsage()
	if before, rest, ok := strings.Cut(usage, "`"); ok {
		inner, after, _ := strings.Cut(rest, "`")
		placeholder, usage = " "+inner, before+inner+after
	}
	value := ""
	if f.TakesValue() {
		if value = strings.Trim(f.GetDefaultText(), `"`); value == "0" {
			value = ""
		}
	}
	return fmt.Sprintf("| `--%s%s` | %s | `%s` | %s |\n", name, placeholder, value, strings.Join(f.GetEnvVars(), "`, `"), strings.ReplaceAll(usage, "|", `\|`))
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
