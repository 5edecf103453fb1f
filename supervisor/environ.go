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
	envMaxMessageSize = "WHIPPER_MAX_MESSAGE_SIZE" // bytes
	envListenPID      = "LISTEN_PID"               // for whom the next two are meant
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
	return Environ(env,
		envPool+"="+w.pool.name,
		workerMark(w.id),
		envMaxMessageSize+"="+strconv.Itoa(w.opts.MaxMessageSize))
}

// workerMark is the variable by which a process is known as a worker's.
func workerMark(id string) string { return envWorker + "=" + id }
