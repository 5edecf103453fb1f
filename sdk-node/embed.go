// Package sdknode carries the runner that serves a Node module's functions, so that the whipper binary can start a
// worker where nothing but Node is installed. It holds the files and does nothing with them.
package sdknode

import "embed"

// Runner holds the runner's source files and no others. They import each other by relative path and Node's own
// modules, so they work from any folder as long as they stay together under their names.
//
//go:embed src/worker/*.mjs src/worker/*.cjs
var Runner embed.FS

// Entry is the path in Runner of the file to run: node Entry SCRIPT [ARGS…].
const Entry = "src/worker/main.mjs"
