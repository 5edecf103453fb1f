package whipper

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// StartOptions say what supervisor is started. One of Script and Command must be set.
type StartOptions struct {
	Script  string   // a .py, .js, .mjs or .cjs file, which whipper's own runner serves
	Command []string // instead of it: any program that speaks the protocol, as one whose main calls Serve, and its arguments
	Args    []string // of Script

	// Dir is the folder of the ledger. "": a temporary one, which is removed at the end; submitted jobs end with it.
	Dir string

	Pool               string        // "": default
	MinWorkers         int           // 0: 1
	MaxWorkers         int           // 0: one for each core
	MaxConcurrentCalls int           // that a worker gets at once; 0: what it declares
	InvocationTimeout  time.Duration // 0: 30 s
	Flags              []string      // further flags of whipper exec, as "--max-rss=500MiB"
	Env                []string      // NAME=VALUE, for the workers; WHIPPER_… is for the supervisor, as options are

	Binary string    // the program whipper; "": WHIPPER_BIN's, or the one on PATH
	Stderr io.Writer // gets what workers print and log, and what the supervisor says; nil: os.Stderr

	Patience       time.Duration // as in Options
	MaxMessageSize int           // as in Options, and the supervisor's
}

// Start starts a supervisor that belongs to this process, a sidecar, and connects to it once its first worker is ready. It ends with
// Close, or with the process, however that ends: then its running jobs have its --drain-timeout (30 s) to finish. When it dies itself it is
// started again, by the next call. Errors are a *NoBinaryError and a *StartError.
func Start(ctx context.Context, o StartOptions) (*Client, error) {
	options := Options{Patience: o.Patience, MaxMessageSize: o.MaxMessageSize}
	if err := errors.Join(o.validate(), options.validate()); err != nil {
		return nil, err
	}
	binary, err := findBinary(o.Binary)
	if err != nil {
		return nil, err
	}
	s := &sidecar{binary: binary, stderr: o.Stderr}
	if s.stderr == nil {
		s.stderr = os.Stderr
	}
	if s.dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, fmt.Errorf("folder %q: %w", o.Dir, err)
	}
	if o.Dir == "" {
		s.temporary = true
		s.dir = filepath.Join(os.TempDir(), "whipper-"+rand.Text()[:13])
	}
	s.args, s.env = o.arguments(s.dir), o.environment()
	c, err := newClient(ctx, options.withDefaults(), s, func(ctx context.Context) (*link, error) {
		t, err := s.locate(ctx)
		if err != nil {
			return nil, err
		}
		return t.connect(ctx, o.MaxMessageSize)
	})
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return c, nil
}

func (o StartOptions) validate() error {
	var problems []error
	if (o.Script == "") == (len(o.Command) == 0) {
		problems = append(problems, errors.New("Script, Command: one of them must be given"))
	}
	if len(o.Command) > 0 && len(o.Args) > 0 {
		problems = append(problems, errors.New("Args: they are of a Script; a Command has its own"))
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"MinWorkers", o.MinWorkers}, {"MaxWorkers", o.MaxWorkers}, {"MaxConcurrentCalls", o.MaxConcurrentCalls}} {
		if n.value < 0 {
			problems = append(problems, fmt.Errorf("%s: %d given, 0 or more wanted", n.name, n.value))
		}
	}
	if o.InvocationTimeout < 0 {
		problems = append(problems, fmt.Errorf("InvocationTimeout: %s given, 0 or more wanted", o.InvocationTimeout))
	}
	return errors.Join(problems...)
}

// arguments are those of whipper.
func (o StartOptions) arguments(dir string) []string {
	args := []string{"exec", "--dir", dir, "--exit-with-parent", "--ready-fd", strconv.Itoa(readyFD)}
	if o.Dir == "" {
		args = append(args, "--ephemeral")
	}
	flag := func(name, value string, given bool) {
		if given {
			args = append(args, name, value)
		}
	}
	flag("--pool", o.Pool, o.Pool != "")
	flag("--min-workers", strconv.Itoa(o.MinWorkers), o.MinWorkers != 0)
	flag("--max-workers", strconv.Itoa(o.MaxWorkers), o.MaxWorkers != 0)
	flag("--max-concurrent-calls", strconv.Itoa(o.MaxConcurrentCalls), o.MaxConcurrentCalls != 0)
	flag("--invocation-timeout", o.InvocationTimeout.String(), o.InvocationTimeout != 0)
	flag("--max-message-size", strconv.Itoa(o.MaxMessageSize), o.MaxMessageSize != 0)
	for _, variable := range o.Env { // its value is in the environment: arguments can be read by others
		name, _, _ := strings.Cut(variable, "=")
		flag("--env", name, !strings.HasPrefix(name, "WHIPPER_"))
	}
	args = append(args, o.Flags...)
	if o.Script != "" {
		return append(append(args, o.Script), o.Args...)
	}
	return append(append(args, "--"), o.Command...)
}

// environment is the sidecar's. Whipper's variables, as a worker has them, would be taken for options, so those of this process are left out.
func (o StartOptions) environment() []string {
	own := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "WHIPPER_") })
	return append(own, o.Env...)
}
