package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// Exit codes. They are part of the command line's interface.
const (
	exitDone         = 0
	exitFailed       = 1 // a job failed, or something without a code of its own
	exitUsage        = 2
	exitNoSupervisor = 3
	exitLedger       = 4 // held by another process, damaged, missing, or not written at the end
	exitTimeout      = 124
	exitCannotRun    = 126
	exitNotFound     = 127
	exitInterrupted  = 130
)

// failure is an error with what the user can do about it and the exit code.
type failure struct {
	Err   error
	Hint  string // may be empty; one or more lines
	Code  int
	Quiet bool // everything has been said already
}

func (f *failure) Error() string { return f.Err.Error() }
func (f *failure) Unwrap() error { return f.Err }

// misuse is wrong usage.
func misuse(hint, format string, args ...any) *failure {
	return &failure{Code: exitUsage, Hint: hint, Err: fmt.Errorf(format, args...)}
}

// flagInError is how the standard library names a flag of more than a letter: with one dash, where the help has two.
var flagInError = regexp.MustCompile(` for (?:flag )?-(\w[\w-]+)`)

// usageError gives the command line parser's errors their exit code.
func usageError(cc *cli.Context, err error, _ bool) error {
	name := "whipper"
	if cc.Command != nil && cc.Command.HelpName != "" {
		name = cc.Command.HelpName
	}
	text := flagInError.ReplaceAllString(err.Error(), " for flag --$1")
	return misuse("see "+name+" --help", "%s", text)
}

// report tells the user about err and returns the exit code.
func (c *console) report(err error) int {
	if err == nil {
		return exitDone
	}
	f := explain(err)
	if !f.Quiet {
		c.say("%s", f.text())
	}
	return f.Code
}

// text is the failure as people are told of it.
func (f *failure) text() string {
	text := "whipper: " + hang(f.Error())
	if f.Hint != "" {
		text += "\n  hint: " + strings.ReplaceAll(f.Hint, "\n", "\n        ")
	}
	return text
}

// hang indents the lines after the first, where they are not.
func hang(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines[1:] {
		if !strings.HasPrefix(line, " ") {
			lines[i+1] = "  " + line
		}
	}
	return strings.Join(lines, "\n")
}

// explain finds the exit code, and a hint where there is one, for an error that came without.
func explain(err error) *failure {
	var f *failure
	var refused *jsonrpc.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{Err: err, Code: exitTimeout}
	case errors.Is(err, context.Canceled):
		return &failure{Err: errors.New("interrupted"), Code: exitInterrupted}
	case errors.As(err, &refused):
		return &failure{Err: err, Code: refusalCode(refused)}
	}
	if f := explainClient(err); f != nil {
		return f
	}
	if f := explainLedger(err); f != nil {
		return f
	}
	return &failure{Err: err, Code: exitFailed}
}

// refusalCode is the exit code for an error of whipper's own, which came over the socket.
func refusalCode(e *jsonrpc.Error) int {
	switch e.Code {
	case jsonrpc.CodeInvalidArgument, jsonrpc.CodeInvalidParams:
		return exitUsage
	case jsonrpc.CodeShuttingDown:
		return exitNoSupervisor
	case jsonrpc.CodeLedger:
		return exitLedger
	case jsonrpc.CodeTimeout:
		return exitTimeout
	}
	return exitFailed
}
