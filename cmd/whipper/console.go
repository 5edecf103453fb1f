package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// console is what a command talks to: one run's command line and its streams.
type console struct {
	line commandLine
	in   io.Reader
	out  io.Writer // results
	err  io.Writer // everything else
}

// say writes one line for people to stderr, without anything a terminal would obey.
func (c *console) say(format string, args ...any) {
	fmt.Fprintln(c.err, printable(fmt.Sprintf(format, args...)))
}

// printJSON writes v as one line of JSON to stdout.
func (c *console) printJSON(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode the output: %w", err)
	}
	return c.printRaw(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// printRaw writes JSON to stdout as it is, with a newline. On a terminal, characters that it would obey are written as
// JSON's own escapes, which mean the same.
func (c *console) printRaw(raw json.RawMessage) error {
	if len(raw) == 0 {
		raw = json.RawMessage("null")
	}
	if isTerminal(c.out) {
		raw = json.RawMessage(escapeJSON(string(raw)))
	}
	_, err := c.out.Write(append(raw[:len(raw):len(raw)], '\n'))
	return err
}

// interruptible returns a context that ends at Ctrl-C or SIGTERM.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// isTerminal says whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// obeysEscapes says whether w is a terminal that understands escape sequences.
func obeysEscapes(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("TERM") != "dumb"
}

// coloured says whether w may be written to in colour.
func coloured(w io.Writer) bool {
	return obeysEscapes(w) && os.Getenv("NO_COLOR") == ""
}
