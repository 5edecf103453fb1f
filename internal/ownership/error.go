// Package ownership says whether files and folders are safe from other users of the machine: whether one of these may have put them there, or
// could put others in their place. Folders are judged by their owner and mode; the members of a group that may write to a folder are trusted,
// for whoever lets a group write means it. It creates what it is told to, and changes nothing that is there.
package ownership

import "fmt"

// Error says why a file or a folder is not used.
type Error struct {
	Kind  string // file, folder or socket
	Path  string
	Fault string // what is wrong, and what to do about it
}

func (e *Error) Error() string { return fmt.Sprintf("%s %q: %s", e.Kind, e.Path, e.Fault) }
