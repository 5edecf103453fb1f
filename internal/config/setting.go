package config

import (
	"strings"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/supervisor"
)

// Setting is one thing that can be set for a T.
type Setting[T any] struct {
	Name  string // of the flag and of the key in the file
	Usage string
	Value func(*T) Value // the field that it sets
}

// Pool is all that can be set for one pool.
type Pool struct {
	supervisor.Options // but for Env, Custom and the loggers, which are worked out, and a script's Command

	Script           string   // a file of functions, for a built-in runner; "": Options.Command is run
	Args             []string // of the script
	Interpreter      string   // of the script; "": it is looked for
	Watch            []string // globs of files whose changes restart the workers
	WorkerLog        string   // where what workers print goes: stderr, none or a file
	WorkerLogFormat  string   // auto, prefix or json
	WorkerLogMaxSize int      // bytes of the file
	WorkerLogKeep    int      // older files that are kept

	Assignments   []string // NAME=VALUE, on top of the supervisor's own environment, and of the files
	EnvFiles      []string // paths of files of such assignments
	CleanEnv      bool     // little is taken from the supervisor's own
	HandshakeFile string   // of a custom handshake

	Places map[string]Place // where a file says what, by key; nil: it is one of the command line
}

// What WorkerLog may be besides a path.
const (
	WorkerLogStderr = "stderr"
	WorkerLogNone   = "none"
)

// PoolSettings are the settings of a pool, in the order in which help lists them.
var PoolSettings = []Setting[Pool]{
	{"min-workers", "workers that are always there", func(p *Pool) Value {
		return &Count{N: &p.MinWorkers, Least: 1, Default: 1}
	}},
	{"max-workers", "most workers at once", func(p *Pool) Value {
		return &Count{N: &p.MaxWorkers, Least: 1, Fallback: "number of cores"}
	}},
	{"max-concurrent-calls", "calls that one worker gets at once", func(p *Pool) Value {
		return &Count{N: &p.MaxConcurrentCalls, Least: 1, Fallback: "what the worker declares, else 1"}
	}},
	{"invocation-timeout", "how long a call may run, unless it says otherwise", func(p *Pool) Value {
		return &Duration{D: &p.InvocationTimeout, Default: 30 * time.Second}
	}},
	{"inactivity-timeout", "stop workers above --min-workers that were idle for so long (default: off)", func(p *Pool) Value {
		return &Duration{D: &p.InactivityTimeout}
	}},
	{"flush-timeout", "how long a worker may take to give up a call that timed out or was cancelled", func(p *Pool) Value {
		return &Duration{D: &p.FlushTimeout, Default: 5 * time.Second}
	}},
	{"force-kill-timeout", "how long a worker that was told to stop may take before it is killed", func(p *Pool) Value {
		return &Duration{D: &p.ForceKillTimeout, Default: 5 * time.Second}
	}},
	{"ready-timeout", "how long a worker may take to get ready", func(p *Pool) Value {
		return &Duration{D: &p.ReadyTimeout, Default: 30 * time.Second}
	}},
	{"drain-timeout", "how long running jobs have to finish when the pool stops", func(p *Pool) Value {
		return &Duration{D: &p.DrainTimeout, Default: 30 * time.Second}
	}},
	{"load-strategy", "which worker gets the next call: the first idle one, else the first with a free slot (basic), the next in turn (round-robin), or the one with the fewest calls (least-busy)", func(p *Pool) Value {
		return &Choice{Word: &p.LoadStrategy, Words: []string{supervisor.LoadBasic, supervisor.LoadRoundRobin, supervisor.LoadLeastBusy}}
	}},
	{"at-capacity", "what becomes of an invoked call while all slots are taken: it waits (queue), gets null (drop) or an AtCapacityError (error)", func(p *Pool) Value {
		return &Choice{Word: &p.AtCapacity, Words: []string{supervisor.AtCapacityQueue, supervisor.AtCapacityDrop, supervisor.AtCapacityError}}
	}},
	{"max-queue-size", "most invoked calls that may wait while all slots are taken", func(p *Pool) Value {
		return &Count{N: &p.MaxQueueSize, Least: 1, Default: 10_000}
	}},
	{"max-backlog", "most submitted jobs that may be queued", func(p *Pool) Value {
		return &Count{N: &p.MaxBacklog, Least: 1, Fallback: "no limit"}
	}},
	{"method-concurrency", "most calls of a method that run at once, in all workers, as `METHOD=N`; may be repeated", func(p *Pool) Value {
		return &Limits{M: &p.MethodConcurrency}
	}},
	{"max-total-calls", "calls that one process is given before it is replaced", func(p *Pool) Value {
		return &Count{N: &p.MaxTotalCalls, Least: 1, Fallback: "no limit"}
	}},
	{"max-age", "how long a process may live before it is replaced, less up to a tenth (default: off)", func(p *Pool) Value {
		return &Duration{D: &p.MaxAge}
	}},
	{"max-rss", "memory that a process and its descendants may hold before it is replaced (default: no limit)", func(p *Pool) Value {
		return &Size{Bytes: &p.MaxRSS}
	}},
	{"max-rss-hard", "memory beyond which a process is killed, with its process group; what has left that lives on unless --kill-tree is given (default: no limit)", func(p *Pool) Value {
		return &Size{Bytes: &p.MaxRSSHard}
	}},
	{"ping-interval", "ask idle workers so often whether they are alive, and kill one that does not answer within as long (default: off)", func(p *Pool) Value {
		return &Duration{D: &p.PingInterval}
	}},
	{"kill-tree", "kill what a worker has started with it, also what has left its process group (Linux)", func(p *Pool) Value {
		return &Toggle{B: &p.KillTree}
	}},
	{"max-message-size", "largest call or answer", func(p *Pool) Value {
		return &Size{Bytes: &p.MaxMessageSize, Default: 16 << 20}
	}},
	{"max-result-size", "largest result that is passed on and recorded; a call or job with a larger one fails (default: what --max-message-size leaves room for)", func(p *Pool) Value {
		return &Size{Bytes: &p.MaxResultSize}
	}},
	{"framing", "how a worker tells messages apart: one a line (ndjson) or by their length (content-length)", func(p *Pool) Value {
		return &Choice{Word: (*string)(&p.Framing), Words: words(supervisor.Framings), Fallback: "content-length for --handshake lsp, else ndjson"}
	}},
	{"handshake", "how a worker is greeted, cancelled and stopped: by whipper's protocol (auto), by it without a greeting (none), by LSP's or MCP's, or as --handshake-file says (custom)", func(p *Pool) Value {
		return &Choice{Word: &p.Handshake, Words: supervisor.Handshakes}
	}},
	{"handshake-file", "YAML or JSON that describes the handshake if it is custom", func(p *Pool) Value {
		return &Path{S: &p.HandshakeFile}
	}},
	{"listen", "`ADDRESS` of a socket that all workers share, [NAME=]tcp://HOST:PORT or [NAME=]unix:PATH; may be repeated", func(p *Pool) Value {
		return &Addresses{Items: &p.Listen}
	}},
	{"interpreter", "program that runs SCRIPT (default: python of $VIRTUAL_ENV, of the nearest .venv or on PATH; node on PATH)", func(p *Pool) Value {
		return &Path{S: &p.Interpreter, Program: true}
	}},
	{"env", "`NAME=VALUE` for the workers' environment, or NAME, whose value is that of whipper's own; may be repeated", func(p *Pool) Value {
		return &Assignments{Items: &p.Assignments}
	}},
	{"env-file", "`FILE` of NAME=VALUE lines for the workers' environment, below --env; may be repeated", func(p *Pool) Value {
		return &Paths{Items: &p.EnvFiles}
	}},
	{"clean-env", "give workers little of the supervisor's own environment: " + strings.Join(cleanNames, ", ") + " and LC_*", func(p *Pool) Value {
		return &Toggle{B: &p.CleanEnv}
	}},
	{"cwd", "workers' working folder (default: the current one)", func(p *Pool) Value {
		return &Path{S: &p.Dir}
	}},
	{"user", "run workers as `NAME[:GROUP]` or UID[:GID]; needs root (default: the supervisor's own)", func(p *Pool) Value {
		return &Text{S: &p.Process.User}
	}},
	{"limit-nofile", "most file descriptors that a worker may have open", func(p *Pool) Value {
		return &Count{N: &p.Process.LimitNoFile, Least: supervisor.LeastNoFile, Fallback: "the supervisor's own"}
	}},
	{"limit-as", "most address space that a worker may take (default: the supervisor's own)", func(p *Pool) Value {
		return &Size{Bytes: &p.Process.LimitAS}
	}},
	{"nice", "niceness of workers, from -20 (urgent; needs a privilege) to 19", func(p *Pool) Value {
		return &Count{N: &p.Process.Nice, Least: -20, Most: 19, Fallback: "the supervisor's own"}
	}},
	{"watch", "in development: restart the workers when a file changes that matches `GLOB`, as '**/*.py'; may be repeated", func(p *Pool) Value {
		return &List{Items: &p.Watch}
	}},
	{"worker-log", "where what workers print goes: stderr, none or a `FILE`", func(p *Pool) Value {
		return &Path{S: &p.WorkerLog, Default: WorkerLogStderr, Words: []string{WorkerLogStderr, WorkerLogNone}}
	}},
	{"worker-log-format", "form of what workers print: prefix (worker and pid in front), json, or auto, which is json where --log-format is", func(p *Pool) Value {
		return &Choice{Word: &p.WorkerLogFormat, Words: []string{"auto", "prefix", "json"}}
	}},
	{"worker-log-max-size", "size at which the file of --worker-log is put aside and a new one is begun", func(p *Pool) Value {
		return &Size{Bytes: &p.WorkerLogMaxSize, Default: 10 << 20}
	}},
	{"worker-log-keep", "files of --worker-log that are kept when they are put aside: FILE.1, the newest, to FILE.N", func(p *Pool) Value {
		return &Count{N: &p.WorkerLogKeep, Least: 1, Most: 1000, Default: 5}
	}},
}

// NewPool is a pool with nothing but defaults.
func NewPool() *Pool { return withDefaults(PoolSettings) }

// Supervisor is what can be set for a supervisor as a whole.
type Supervisor struct {
	Dir        string   // of the ledger and the socket
	Socket     string   // "": in Dir
	Durability string   // a ledger.Durability
	Retain     []string // as ParseRetention reads them
	LogFormat  string   // text or json
	LogLevel   string   // debug, info, warn or error

	TraceRuns string // TraceRunsParent or TraceRunsLink

	HTTP          string   // HOST:PORT of what internal/monitor tells; "": nobody is told
	HTTPHosts     []string // names besides that host's
	HTTPTokenFile string   // "": no token, or the environment has it
	HTTPProfiles  bool
}

// How runs belong to the trace that handed their job in.
const (
	TraceRunsParent = "parent"
	TraceRunsLink   = "link"
)

// DefaultDir is the state folder if nothing else was said.
const DefaultDir = ".whipper"

// SupervisorSettings are the settings of a supervisor, in the order in which help lists them.
var SupervisorSettings = []Setting[Supervisor]{
	{"dir", "folder of the ledger and the socket", func(s *Supervisor) Value {
		return &Path{S: &s.Dir, Default: DefaultDir}
	}},
	{"socket", "path of the socket (default: whipper.sock in --dir)", func(s *Supervisor) Value {
		return &Path{S: &s.Socket}
	}},
	{"durability", "whether a job is acknowledged when it is on disk (full) or when the system has it (normal)", func(s *Supervisor) Value {
		return &Choice{Word: &s.Durability, Words: []string{string(ledger.Full), string(ledger.Normal)}}
	}},
	{"retain", "how long jobs that are final are kept: `30d` of every state, failed=90d or failed=forever of one; also count=1000000 or size=2GiB; none keeps all; may be repeated (default: 30d, failed=90d)", func(s *Supervisor) Value {
		return &Retention{Items: &s.Retain}
	}},
	{"log-format", "form of the log on stderr: text or json; lines for people, which begin with whipper:, stay text", func(s *Supervisor) Value {
		return &Choice{Word: &s.LogFormat, Words: []string{"text", "json"}}
	}},
	{"log-level", "least important messages that are logged: debug, info, warn or error", func(s *Supervisor) Value {
		return &Choice{Word: &s.LogLevel, Words: []string{"info", "debug", "warn", "error"}}
	}},
	{"trace-runs", "whether runs of a job are spans within the trace that handed it in (parent) or begin a trace each, with a link to that one (link)", func(s *Supervisor) Value {
		return &Choice{Word: &s.TraceRuns, Words: []string{TraceRunsParent, TraceRunsLink}}
	}},
	{"http", "serve metrics and health by HTTP at `HOST:PORT`, as 127.0.0.1:8080; port 0 takes one that is free; other addresses than loopback ones need a token (default: off)", func(s *Supervisor) Value {
		return &HostPort{S: &s.HTTP}
	}},
	{"http-host", "`NAME` that requests to --http may be sent to, besides its own address and localhost; may be repeated", func(s *Supervisor) Value {
		return &List{Items: &s.HTTPHosts}
	}},
	{"http-token-file", "`FILE` with the token that --http wants to see, but for health; or WHIPPER_HTTP_TOKEN in the environment has it", func(s *Supervisor) Value {
		return &Path{S: &s.HTTPTokenFile}
	}},
	{"http-pprof", "serve profiles of the supervisor at --http too, below /debug/pprof/", func(s *Supervisor) Value {
		return &Toggle{B: &s.HTTPProfiles}
	}},
}

// NewSupervisor is a supervisor with nothing but defaults.
func NewSupervisor() *Supervisor { return withDefaults(SupervisorSettings) }

// words gives words of a type of their own as strings.
func words[T ~string](typed []T) []string {
	plain := make([]string, len(typed))
	for i, word := range typed {
		plain[i] = string(word)
	}
	return plain
}

func withDefaults[T any](settings []Setting[T]) *T {
	t := new(T)
	for _, s := range settings {
		s.Value(t).Reset()
	}
	return t
}
