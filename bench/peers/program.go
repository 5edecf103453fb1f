package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/whipper-sidecar/whipper/bench/result"
)

// Program is one that does a work when it is started, and prints what came of it:
//
//	COMMAND WORK [--jobs N] [--calls N] [--depth N] [--workers N] [--concurrency N] [--dir DIR] [ARGS]
type Program struct {
	Folder  string // that it runs in; "": this process's
	Command []string
	Args    []string
	Env     []string // added to this process's
}

// Settings are the sizes of a work. Those that are 0 are not given to the program.
type Settings struct {
	Jobs        int
	Calls       int
	Depth       int // under way at once
	Workers     int
	Concurrency int // of a worker
}

// args has a flag for each setting.
func (s Settings) args() []string {
	var args []string
	for _, flag := range []struct {
		name  string
		value int
	}{{"--jobs", s.Jobs}, {"--calls", s.Calls}, {"--depth", s.Depth}, {"--workers", s.Workers}, {"--concurrency", s.Concurrency}} {
		if flag.value != 0 {
			args = append(args, flag.name, strconv.Itoa(flag.value))
		}
	}
	return args
}

// line is what a program prints.
type line struct {
	Version  string  `json:"version"`
	Settings string  `json:"settings"`
	Rate     float64 `json:"rate"`
	P50us    float64 `json:"p50us"`
	P99us    float64 `json:"p99us"`
	Skip     string  `json:"skip"` // why it cannot run here
}

// Contender has the program do a work in each turn.
func (p Program) Contender(name, work string, s Settings) *result.Contender {
	c := &result.Contender{Name: name, Kind: result.Ours}
	c.Run = func(ctx context.Context) (result.Figures, error) {
		l, err := p.run(ctx, work, s)
		if err != nil {
			return nil, err
		}
		c.Version, c.Settings = l.Version, l.Settings
		return l.figures()
	}
	return c
}

func (p Program) run(ctx context.Context, work string, s Settings) (l line, err error) {
	dir, err := os.MkdirTemp("", "whipper-bench-peer-")
	if err != nil {
		return l, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	args := slices.Concat(p.Command[1:], []string{work}, s.args(), []string{"--dir", dir}, p.Args)
	cmd := exec.CommandContext(ctx, p.Command[0], args...)
	cmd.Dir = p.Folder
	cmd.Env = append(os.Environ(), p.Env...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	inGroup(cmd)
	err = cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it has left behind
	}
	if err != nil {
		return l, fmt.Errorf("%w: %s", err, lastLine(said.Bytes()))
	}
	if err := json.Unmarshal(out.Bytes(), &l); err != nil {
		return l, fmt.Errorf("its stdout is not one line of JSON: %w", err)
	}
	if l.Skip != "" {
		return l, errors.New(l.Skip)
	}
	return l, nil
}

func (l line) figures() (result.Figures, error) {
	figures := make(result.Figures)
	if l.Rate > 0 {
		figures[result.Rate] = l.Rate
	}
	if l.P50us > 0 && l.P99us > 0 {
		figures[result.P50], figures[result.P99] = l.P50us/1e6, l.P99us/1e6
	}
	if len(figures) == 0 {
		return nil, errors.New("it tells neither a rate nor p50us and p99us")
	}
	return figures, nil
}

// inGroup gives the command a process group of its own, which is told to end with its context and killed if it does not.
func inGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}
