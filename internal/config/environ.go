package config

import (
	"slices"
	"strings"

	"github.com/whipper-sidecar/whipper/supervisor"
)

// cleanNames are the variables that --clean-env leaves; LC_* too.
var cleanNames = []string{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"}

// startNames are flags, and one secret, that are no settings and yet of whoever starts a supervisor.
var startNames = []string{"config", "ephemeral", "exit-with-parent", "http-token", "ready-fd"}

// Variable is the environment variable of a flag: WHIPPER_MIN_WORKERS for min-workers.
func Variable(flag string) string {
	return "WHIPPER_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Environ is the workers' environment: own, the supervisor's, but for what configures that one, or with CleanEnv a few variables of it; on top
// of it what a login of User would set, then the files, then the assignments. Of a name that comes more than once the last counts.
func (p *Pool) Environ(own []string) ([]string, error) {
	mine := supervisorVariables()
	env := slices.DeleteFunc(slices.Clone(own), func(assignment string) bool {
		name, _, _ := strings.Cut(assignment, "=")
		return slices.Contains(mine, name) || p.CleanEnv && !slices.Contains(cleanNames, name) && !strings.HasPrefix(name, "LC_")
	})
	account, err := p.Process.Account()
	if err != nil {
		return nil, err
	}
	if account != nil {
		env = supervisor.Environ(env, account.Environ()...)
	}
	for _, path := range p.EnvFiles {
		assignments, err := readEnvFile(path)
		if err != nil {
			return nil, err
		}
		env = supervisor.Environ(env, assignments...)
	}
	return supervisor.Environ(env, p.Assignments...), nil
}

// supervisorVariables are those that configure a supervisor. One that a worker starts is another: it would find the port taken, for instance, or
// rotate the same log.
func supervisorVariables() []string {
	var names []string
	for _, name := range startNames {
		names = append(names, Variable(name))
	}
	for _, s := range SupervisorSettings {
		names = append(names, Variable(s.Name))
	}
	for _, s := range PoolSettings {
		names = append(names, Variable(s.Name))
	}
	return names
}
