// Package sdkpython carries the Python runner inside the Go binary, so that a plain Python file works as a worker with
// nothing installed. It holds files only; writing them somewhere and starting them is the supervisor's business.
package sdkpython

import (
	"embed"
	"io/fs"
)

// Entry is the runner's entry in FS: python3 DIR/Entry SCRIPT [ARGS...], where DIR is the folder that FS was written to.
// Nothing needs to be set in the environment.
const Entry = "whipper/__main__.py"

// The client side is in it too: a worker may submit further jobs.
//
//go:embed src/whipper/*.py src/whipper/client/*.py
var source embed.FS

// FS holds the package folder "whipper" with the runner's modules.
var FS = sub(source, "src")

func sub(f fs.FS, dir string) fs.FS {
	s, err := fs.Sub(f, dir)
	if err != nil {
		panic(err) // only for an invalid path
	}
	return s
}
