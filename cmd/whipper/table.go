package main

import (
	"io"
	"os"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"github.com/whipper-sidecar/whipper/ledger"
)

// newTable is a table of columns two spaces apart, without lines. The columns named in right are aligned to the right.
func newTable(header []string, right ...string) table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	row := table.Row{}
	for _, name := range header {
		row = append(row, name)
	}
	t.AppendHeader(row)
	var columns []table.ColumnConfig
	for _, name := range right {
		columns = append(columns, table.ColumnConfig{Name: name, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(columns)
	return t
}

// printTable writes a table with a newline at its end.
func printTable(w io.Writer, t table.Writer) error {
	_, err := io.WriteString(w, t.Render()+"\n")
	return err
}

// columnsOf is how wide a terminal is, or 0 for anything else.
func columnsOf(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// painter colours text for a terminal, or leaves it alone.
type painter bool

const (
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
	grey   = "90"
	bold   = "1"
)

func (p painter) paint(colour, s string) string {
	if !p || colour == "" {
		return s
	}
	return "\x1b[" + colour + "m" + s + "\x1b[0m"
}

func stateColour(s ledger.State) string {
	switch s {
	case ledger.Succeeded:
		return green
	case ledger.Failed:
		return red
	case ledger.Running:
		return cyan
	case ledger.Cancelled, ledger.Dropped:
		return yellow
	}
	return ""
}
