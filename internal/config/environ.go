package config

import (
	"slices"
	"strings"

	"github.com/whipper-sidecar/whipper/supervisor"
)

// cleanNames are the variables that --clean-env leaves; LC_* too.
var cleanNames = []string{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"}

// Environ is the workers' environment: own, the supervisor's, or with CleanEnv a few variables of it; on top of it what a login
// of User would set, then the files, then the assignments. Of a name that comes more than once the last counts.
func (p *Pool) Environ(own []string) ([]string, error) {
	env := own
	if p.CleanEnv {
		env = slices.DeleteFunc(slices.Clone(env), func(assignment string) bool {
			name, _, _ := strings.Cut(assignment, "=")
			return !slices.Contains(cleanNames, name) && !strings.HasPrefix(name, "LC_")
		})
	}
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
