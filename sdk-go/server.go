package whipper

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// Server is a worker: what a process that whipper starts serves. Its members must not be changed while it serves.
type Server struct {
	Methods Methods // at least one

	// Name and Version are shown in "whipper pool status". "": those of the executable and of its main module.
	Name, Version string

	// Concurrency is how many calls this process wants at once, 1 to 1000; 0: 10. --max-concurrent-calls goes before it.
	Concurrency int
}

const (
	defaultConcurrency = 10
	mostConcurrency    = 1000
)

// errServeCalled is what the second Serve of a process gives.
var errServeCalled = errors.New("Serve was called before: a process is one worker")

var serveCalled atomic.Bool

// Serve serves methods with a Server's defaults. It should be the first thing that main does; see [Server.Serve].
func Serve(ctx context.Context, methods Methods) error { return Server{Methods: methods}.Serve(ctx) }

// Serve serves calls that come over stdin and stdout, until the supervisor ends that or ctx ends; then it returns nil, after the methods
// have. When ctx ends, calls that have not begun go to other workers. When the supervisor is gone the methods' contexts end, and those
// that do not return are waited for no longer than three seconds.
//
// From here on the process has no stdin, and what is printed to stdout goes to stderr, which whipper logs: also what C code and
// child processes print. It can be called once in a process; again, it gives an error.
func (s Server) Serve(ctx context.Context) error {
	if err := s.validate(); err != nil {
		return err
	}
	limit, err := messageSize()
	if err != nil {
		return err
	}
	if serveCalled.Swap(true) {
		return errServeCalled
	}
	w, err := takeWire()
	if err != nil {
		return err
	}
	return s.withDefaults().serve(ctx, w, limit)
}

func (s Server) withDefaults() Server {
	if s.Name == "" {
		s.Name = filepath.Base(os.Args[0])
	}
	if info, ok := debug.ReadBuildInfo(); ok && s.Version == "" {
		s.Version = info.Main.Version
	}
	if s.Concurrency == 0 {
		s.Concurrency = defaultConcurrency
	}
	return s
}

func (s Server) validate() error {
	var problems []error
	if len(s.Methods) == 0 {
		problems = append(problems, errors.New("Methods: none given"))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Methods)) {
		switch {
		case name == "" || strings.HasPrefix(name, "$/"):
			problems = append(problems, fmt.Errorf("Methods: %q cannot be a method's name", name))
		case s.Methods[name].call == nil:
			problems = append(problems, fmt.Errorf("Methods: %q has no function", name))
		}
	}
	if s.Concurrency < 0 || s.Concurrency > mostConcurrency {
		problems = append(problems, fmt.Errorf("Concurrency: %d given, 1 to %d wanted", s.Concurrency, mostConcurrency))
	}
	return errors.Join(problems...)
}

// messageSize is the supervisor's limit.
func messageSize() (int, error) {
	text := os.Getenv("WHIPPER_MAX_MESSAGE_SIZE")
	if text == "" {
		return jsonrpc.DefaultMaxMessageSize, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("WHIPPER_MAX_MESSAGE_SIZE: %q is no number of bytes", text)
	}
	return n, nil
}
