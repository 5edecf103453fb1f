package supervisor

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// Options of a pool. A zero value takes the default that is named.
type Options struct {
	Pool    string   // name; "default"
	Command []string // program and arguments; the program is looked up in PATH unless it holds a slash
	Dir     string   // working folder of the workers; the supervisor's own
	Env     []string // whole environment of the workers; the supervisor's own

	// Resolve finds out Command where that is not known yet: each time a process is to be started, on a goroutine of the pool's. Its
	// error is that of a command that cannot be started. Nil: Command is known.
	Resolve func() ([]string, error)
	// KeepTrying has a pool whose command cannot be started at all, or whose sockets cannot be opened, be degraded and try again
	// now and then, as one whose workers do not get ready is. False: that ends Run.
	KeepTrying bool

	Process ProcessOptions

	// Listen are the sockets that all workers share: [NAME=]tcp://HOST:PORT or [NAME=]unix:PATH. The pool opens them, once, and
	// hands them to each worker as systemd does: from descriptor 3 on, with LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES.
	Listen []string

	MinWorkers         int // kept alive at all times; 1
	MaxWorkers         int // never exceeded; the number of cores, at least MinWorkers
	MaxConcurrentCalls int // calls at once in one worker; what the worker declares, else 1

	InvocationTimeout time.Duration // for a call without a timeout of its own; 30s
	InactivityTimeout time.Duration // after it an idle worker above MinWorkers ends; off
	FlushTimeout      time.Duration // to answer a $/cancelRequest; 5s
	ForceKillTimeout  time.Duration // from $/shutdown to SIGKILL; 5s
	ReadyTimeout      time.Duration // from fork to ready; 30s
	DrainTimeout      time.Duration // for calls in flight at shutdown; 30s

	LoadStrategy string // which worker gets the next call: LoadBasic, LoadRoundRobin or LoadLeastBusy; basic
	AtCapacity   string // what becomes of an invoke that finds all slots taken: AtCapacityQueue, Drop or Error; queue
	MaxQueueSize int    // invokes that wait while all slots are taken; 10000
	MaxBacklog   int    // submitted jobs that may be queued; 0: any number

	MethodConcurrency map[string]int // most calls of a method that run at once, in all workers; those without one: any number

	MaxTotalCalls int           // that one process is given before it is replaced; 0: any number
	MaxAge        time.Duration // of a process before it is replaced, less up to a tenth; 0: any
	MaxRSS        int           // bytes that a process and its descendants may hold before it is replaced; 0: any
	MaxRSSHard    int           // bytes beyond which it is killed; 0: any
	PingInterval  time.Duration // after which an idle worker is asked whether it is alive, and killed after as long again; 0: never

	// KillTree has the end of a worker be the end of all that it started, also what has left its process group. Off: its group
	// alone. This process adopts such orphans from then on; see Main. Linux only.
	KillTree bool

	MaxMessageSize int // bytes of one frame, at least 4 KiB, at most ledger.MaxPayload; 16 MiB
	MaxResultSize  int // bytes of a result that is passed on and recorded; 0: what fits into a frame

	Framing   jsonrpc.Framing // of the workers' stdin and stdout; what the handshake implies, mostly jsonrpc.NDJSON
	Handshake string          // HandshakeAuto or another; auto
	Custom    *Custom         // for HandshakeCustom
	Version   string          // of whipper, for programs that ask who talks to them; "dev"

	Logger *slog.Logger // nothing is logged
	Events *Events      // gets what happens in the pool, along with that of others; nobody does

	Tracing     *signals.Tracing     // calls are not traced
	Instruments *signals.Instruments // nothing is counted for metrics

	// WorkerOutput gets what workers print, line by line, from several goroutines: it must not block, nor keep the text. nil: it
	// goes to Logger.
	WorkerOutput func(OutputLine)
}

func (o Options) withDefaults() Options {
	defaultTo(&o.Pool, "default")
	defaultTo(&o.MinWorkers, 1)
	defaultTo(&o.MaxWorkers, max(runtime.NumCPU(), o.MinWorkers))
	defaultTo(&o.InvocationTimeout, 30*time.Second)
	defaultTo(&o.FlushTimeout, 5*time.Second)
	defaultTo(&o.ForceKillTimeout, 5*time.Second)
	defaultTo(&o.ReadyTimeout, 30*time.Second)
	defaultTo(&o.DrainTimeout, 30*time.Second)
	defaultTo(&o.LoadStrategy, LoadBasic)
	defaultTo(&o.AtCapacity, AtCapacityQueue)
	defaultTo(&o.MaxQueueSize, 10_000)
	defaultTo(&o.MaxMessageSize, jsonrpc.DefaultMaxMessageSize)
	defaultTo(&o.Handshake, HandshakeAuto)
	if o.Handshake == HandshakeLSP {
		defaultTo(&o.Framing, jsonrpc.ContentLength)
	}
	defaultTo(&o.Framing, jsonrpc.NDJSON)
	defaultTo(&o.Version, "dev")
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// OptionError is a value that a field of Options cannot have.
type OptionError struct {
	Field string // the field's own name, also for one of Process
	Value any
	Want  string // what it may be
}

func (e *OptionError) Error() string {
	return fmt.Sprintf("%s: %v given, %s wanted", e.Field, e.Value, e.Want)
}

// Check says what is wrong with the options, with the defaults where they say nothing: all of it, each an *OptionError.
func (o Options) Check() error { return o.withDefaults().validate() }

func defaultTo[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// validate reports every problem at once. It expects defaults to be filled in.
func (o Options) validate() error {
	var problems []error
	bad := func(field string, value any, want string) {
		problems = append(problems, &OptionError{field, value, want})
	}
	if (len(o.Command) == 0 || o.Command[0] == "") && o.Resolve == nil {
		bad("Command", o.Command, "a program")
	}
	for _, n := range []struct {
		field        string
		value, least int
	}{
		{"MinWorkers", o.MinWorkers, 1},
		{"MaxQueueSize", o.MaxQueueSize, 1},
		{"MaxMessageSize", o.MaxMessageSize, jsonrpc.MinMessageSize},
	} {
		if n.value < n.least {
			bad(n.field, n.value, fmt.Sprintf("at least %d", n.least))
		}
	}
	if o.MaxMessageSize > ledger.MaxPayload {
		bad("MaxMessageSize", o.MaxMessageSize, fmt.Sprintf("at most %d", ledger.MaxPayload))
	}
	if o.MaxWorkers < o.MinWorkers {
		bad("MaxWorkers", o.MaxWorkers, fmt.Sprintf("at least MinWorkers (%d)", o.MinWorkers))
	}
	for _, n := range []struct {
		field string
		value int
	}{
		{"MaxBacklog", o.MaxBacklog},
		{"MaxTotalCalls", o.MaxTotalCalls},
		{"MaxRSS", o.MaxRSS},
		{"MaxRSSHard", o.MaxRSSHard},
		{"MaxResultSize", o.MaxResultSize},
	} {
		if n.value < 0 {
			bad(n.field, n.value, "at least 1, or 0 for no limit")
		}
	}
	for _, method := range slices.Sorted(maps.Keys(o.MethodConcurrency)) {
		if n := o.MethodConcurrency[method]; method == "" || n < 1 {
			bad("MethodConcurrency", fmt.Sprintf("%s=%d", method, n), "a method and at least 1")
		}
	}
	if o.MaxRSSHard > 0 && o.MaxRSSHard < o.MaxRSS {
		bad("MaxRSSHard", o.MaxRSSHard, fmt.Sprintf("at least MaxRSS (%d)", o.MaxRSS))
	}
	if o.MaxConcurrentCalls < 0 {
		bad("MaxConcurrentCalls", o.MaxConcurrentCalls, "at least 1, or 0 for what the worker declares")
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"InvocationTimeout", o.InvocationTimeout},
		{"InactivityTimeout", o.InactivityTimeout},
		{"FlushTimeout", o.FlushTimeout},
		{"ForceKillTimeout", o.ForceKillTimeout},
		{"ReadyTimeout", o.ReadyTimeout},
		{"DrainTimeout", o.DrainTimeout},
		{"MaxAge", o.MaxAge},
		{"PingInterval", o.PingInterval},
	} {
		if d.value < 0 {
			bad(d.field, d.value, "a positive duration")
		}
	}
	for _, c := range []struct {
		field, value string
		choices      []string
	}{
		{"LoadStrategy", o.LoadStrategy, loadStrategies},
		{"AtCapacity", o.AtCapacity, atCapacityStrategies},
		{"Handshake", o.Handshake, Handshakes},
	} {
		if !slices.Contains(c.choices, c.value) {
			bad(c.field, c.value, strings.Join(c.choices, ", "))
		}
	}
	if !slices.Contains(jsonrpc.Framings, o.Framing) {
		bad("Framing", o.Framing, "ndjson or content-length")
	}
	switch {
	case o.Custom == nil && o.Handshake == HandshakeCustom:
		bad("Custom", "nothing", "a description of the custom handshake")
	case o.Custom != nil && o.Handshake != HandshakeCustom:
		bad("Custom", "a handshake", "none with Handshake "+o.Handshake)
	case o.Custom != nil:
		if err := o.Custom.Validate(); err != nil {
			problems = append(problems, fmt.Errorf("Custom: %w", err))
		}
	}
	o.Process.problems(bad)
	for _, spec := range o.Listen {
		if _, err := parseListen(spec); err != nil {
			problems = append(problems, fmt.Errorf("listen on %s: %w", spec, err))
		}
	}
	if o.KillTree {
		if err := canKillTree(); err != nil {
			problems = append(problems, fmt.Errorf("--kill-tree: %w", err))
		}
	}
	return errors.Join(problems...)
}
