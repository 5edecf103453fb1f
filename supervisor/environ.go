package supervisor

import (
	"os"
	"slices"
	"strconv"
	"strings"
)

// What a worker finds in its environment, beside what Options.Env holds.
const (
	envPool           = "WHIPPER_POOL"
	envWorker         = "WHIPPER_WORKER"
	envMark           = "WHIPPER_PROCESS"          // what no other process of any worker ever had, and its children inherit
	envMaxMessageSize = "WHIPPER_MAX_MESSAGE_SIZE" // bytes
	envListenPID      = "LISTEN_PID"               // for whom the next two are meant
	envListenFDs      = "LISTEN_FDS"               // how many sockets there are, from descriptor 3 on
	envListenNames    = "LISTEN_FDNAMES"           // what they are called, with colons in between
)

// Environ returns env with the given variables (NAME=VALUE) set; env is left as it is. What env holds by the same names goes:
// of a name that comes twice, programs take now the first, now the last. Of two in set with the same name the last counts.
func Environ(env []string, set ...string) []string {
	merged := slices.Clone(env)
	for _, assignment := range set {
		name, _, _ := strings.Cut(assignment, "=")
		merged = slices.DeleteFunc(merged, func(v string) bool { return strings.HasPrefix(v, name+"=") })
		merged = append(merged, assignment)
	}
	return merged
}

// environ is the environment of a worker's process.
func (w *worker) environ() []string {
	env := w.opts.Env
	if env == nil {
		env = os.Environ()
	}
	env = slices.DeleteFunc(slices.Clone(env), meantForSupervisor)
	return Environ(env, append(w.pool.sockets.Load().environ(),
		envPool+"="+w.pool.name,
		workerMark(w.id),
		w.processMark(),
		envMaxMessageSize+"="+strconv.Itoa(w.opts.MaxMessageSize))...)
}

// meantForSupervisor tells variables that a worker must not take for its own: the sockets that somebody gave the supervisor.
func meantForSupervisor(assignment string) bool {
	name, _, _ := strings.Cut(assignment, "=")
	return name == envListenPID || name == envListenFDs || name == envListenNames
}

// processMark is the variable by which what the worker's present process has started is known.
func (w *worker) processMark() string {
	return envMark + "=" + w.pool.run + "." + w.id + "." + strconv.Itoa(w.incarnation)
}

// workerMark is the variable by which a process is known as a worker's.
func workerMark(id string) string { return envWorker + "=" + id }
