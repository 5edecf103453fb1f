package main

import "os"

// headroomBytes is how much a supervisor's heap may grow by beyond what the garbage collector would let it (ADR 53).
const headroomBytes = 16 << 20

// headroom is memory that nobody touches, so that the system gives none for it. While somebody holds it the garbage collector counts it as in use, and so
// lets as much again be allocated before it collects. It is nil where GOGC or GOMEMLIMIT say what is wanted.
func headroom() []byte {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	return make([]byte, headroomBytes)
}
