package supervisor

import (
	"context"
	"encoding/json"
	"os"

	"github.com/whipper-sidecar/whipper/ledger"
)

// What a re-executed supervisor is told by its environment.
const (
	envJob     = "WHIPPER_TEST_JOB"     // what its worker is to do
	envCommand = "WHIPPER_TEST_COMMAND" // JSON; its workers' command
	envProcess = "WHIPPER_TEST_PROCESS" // JSON; its workers' ProcessOptions
)

// runSupervisor is the main of a supervisor that a test can kill: it runs one pool on the ledger in the current folder.
func runSupervisor() {
	ctx := context.Background()
	dir, err := os.Getwd()
	if err != nil {
		die("%v", err)
	}
	l, err := ledger.Open(ctx, ledger.Options{Dir: dir})
	if err != nil {
		die("%v", err)
	}
	o := workerOptions(dir)
	o.MinWorkers, o.MaxWorkers = 2, 2
	o.Env = append(o.Env, envBoot+"=ignore-all") // so that they do not end by the end of their stdin
	for name, setting := range map[string]any{envCommand: &o.Command, envProcess: &o.Process} {
		if text := os.Getenv(name); text != "" {
			if err := json.Unmarshal([]byte(text), setting); err != nil {
				die("%s: %v", name, err)
			}
		}
	}
	p, err := NewPool(l, o)
	if err != nil {
		die("%v", err)
	}
	if method := os.Getenv(envJob); method != "" {
		if _, err := p.Submit(ctx, []ledger.Job{{Method: method, Params: []byte(`["die"]`)}}); err != nil {
			die("%v", err)
		}
	}
	die("Run ended: %v", p.Run(ctx, nil))
}
