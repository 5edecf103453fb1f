package telemetry

import (
	"slices"
	"strings"
)

// supervisorOnly are exporters that workers do not inherit: what console prints on a worker's stdout would be read as JSON-RPC, and there is one port
// for prometheus, which the first process has.
var supervisorOnly = []string{"console", "prometheus"}

// WorkerEnviron is what workers inherit of the supervisor's environment: all of it, but for the exporters that are not for them.
func WorkerEnviron(environ []string) []string {
	inherited := slices.Clone(environ)
	for i, assignment := range inherited {
		name, value, _ := strings.Cut(assignment, "=")
		for _, signal := range allSignals {
			if name == signal.exporterVariable() {
				inherited[i] = name + "=" + forWorkers(value)
			}
		}
	}
	return inherited
}

// forWorkers takes out the exporters that are not for workers. The default is not what it leaves.
func forWorkers(value string) string {
	if strings.TrimSpace(value) == "" {
		return value
	}
	names := slices.DeleteFunc(exporterList(value), func(name string) bool {
		return name == "" || slices.Contains(supervisorOnly, strings.ToLower(name))
	})
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ",")
}
