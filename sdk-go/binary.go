package whipper

import (
	"os"
	"os/exec"
)

// findBinary finds the program: the one that is named, or WHIPPER_BIN's, or the one on PATH.
func findBinary(named string) (string, error) {
	if named == "" {
		named = os.Getenv("WHIPPER_BIN")
	}
	if named == "" {
		path, err := exec.LookPath("whipper")
		if err != nil {
			return "", &NoBinaryError{Err: err}
		}
		return path, nil
	}
	path, err := exec.LookPath(named)
	if err != nil {
		return "", &NoBinaryError{Path: named, Err: err}
	}
	return path, nil
}
