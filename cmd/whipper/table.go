package main

import (
	"io"
	"os"

	"golang.org/x/term"

	"github.com/whipper-sidecar/whipper/ledger"
)

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
