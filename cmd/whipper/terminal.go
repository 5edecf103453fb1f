package main

import "os"

// terminal is the one that a process was started from, if it was.
type terminal struct{ had bool }

// ownTerminal finds out whether this process has a controlling terminal: one whose end it is told of by SIGHUP.
func ownTerminal() terminal { return terminal{opensTerminal()} }

// gone says whether there was one and is none any more.
func (t terminal) gone() bool { return t.had && !opensTerminal() }

// opensTerminal says whether this process has a controlling terminal now. The kernel takes it away from all processes of a session
// when the terminal is closed, and when the session's first process exits.
func opensTerminal() bool {
	f, err := os.OpenFile("/dev/tty", os.O_RDONLY, 0)
	if err != nil {
		return false
	}
	_ = f.Close() // it was only read from, and not even that
	return true
}
