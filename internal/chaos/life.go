package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// life is one supervisor process.
type life struct {
	*stage
	cmd    *exec.Cmd
	log    *os.File
	client *whipper.Client // for looking and steering
	began  time.Time
	ended  chan struct{} // closed when the process has

	dumping  sync.Mutex // one is asked for after the other
	dumps    chan dump
	steering sync.Mutex
	stopped  map[int]bool // processes that got SIGSTOP
}

// start starts a supervisor and waits until it is ready.
func (s *stage) start(ctx context.Context, binary string, set settings) (*life, error) {
	l := &life{stage: s, began: time.Now(), ended: make(chan struct{}), dumps: make(chan dump, 1), stopped: map[int]bool{}}
	args, err := s.command(set)
	if err != nil {
		return nil, err
	}
	ready, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	errs, stderr, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	if l.log, err = os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	fmt.Fprintf(l.log, "--- %s %s %s\n", time.Now().UTC().Format(clock), binary, strings.Join(args, " "))
	l.cmd = exec.Command(binary, args...)
	l.cmd.Env = append(os.Environ(), "TMPDIR="+s.temp(), workerEnv+"=1", effectsEnv+"="+s.effects(), "PYTHONDONTWRITEBYTECODE=1")
	l.cmd.Stderr = stderr
	l.cmd.ExtraFiles = []*os.File{ours}
	if _, err := l.cmd.StdinPipe(); err != nil { // it ends when this program does, however it ends
		return nil, err
	}
	err = l.cmd.Start()
	_ = ours.Close()
	_ = stderr.Close()
	if err != nil {
		return nil, fmt.Errorf("start whipper: %w", err)
	}
	go l.read(errs)
	go func() {
		_ = l.cmd.Wait() // ProcessState tells
		close(l.ended)
	}()
	_ = ready.SetReadDeadline(time.Now().Add(patience))
	var r struct{ PID int }
	if err := json.NewDecoder(ready).Decode(&r); err != nil {
		l.abandon()
		return nil, fmt.Errorf("whipper did not get ready: %w; see %s", err, l.log.Name())
	}
	if l.client, err = whipper.Dial(ctx, whipper.Options{Dir: s.state(), Once: true}); err != nil {
		l.abandon()
		return nil, fmt.Errorf("connect to whipper: %w", err)
	}
	return l, nil
}

// dump is what the harness reads in what SIGQUIT has the supervisor write.
type dump struct{ heap, goroutines int64 }

var (
	heapLine       = regexp.MustCompile(`^heap: (\d+) bytes live`)
	goroutinesLine = regexp.MustCompile(`^goroutines: (\d+)$`)
	faults         = []string{"panic:", "fatal error:", "worker state machine", "DATA RACE"}
)

// read keeps what the supervisor prints.
func (l *life) read(r *os.File) {
	defer l.log.Close() // a log that cannot be written is no violation
	defer r.Close()     // it was only read
	lines := bufio.NewReaderSize(r, 64<<10)
	var d dump
	for {
		line, err := lines.ReadString('\n')
		if len(line) > 1000 {
			line = line[:1000] + "…\n"
		}
		_, _ = l.log.WriteString(line)
		line = strings.TrimSuffix(line, "\n")
		if m := heapLine.FindStringSubmatch(line); m != nil {
			d.heap, _ = strconv.ParseInt(m[1], 10, 64)
		}
		if m := goroutinesLine.FindStringSubmatch(line); m != nil {
			d.goroutines, _ = strconv.ParseInt(m[1], 10, 64)
			select {
			case l.dumps <- d:
			default:
			}
		}
		for _, fault := range faults {
			if strings.Contains(line, fault) && !strings.Contains(line, "out of paper") {
				l.books.violation("log: %s", line)
			}
		}
		if err != nil {
			return
		}
	}
}

// end ends the supervisor, and looks at how it does.
func (l *life) end(how ending) bool {
	sig, want := syscall.SIGTERM, 0
	if how == murdered {
		sig, want = syscall.SIGKILL, -1
		l.murder()
	}
	_ = l.cmd.Process.Signal(sig)
	select {
	case <-l.ended:
	case <-time.After(patience):
		l.books.violation("the supervisor did not end within %s of %v; see the dump in %s", patience, sig, l.log.Name())
		_ = l.cmd.Process.Signal(syscall.SIGQUIT)
		time.Sleep(time.Second)
		return false
	}
	if code := l.cmd.ProcessState.ExitCode(); code != want {
		l.books.violation("the supervisor's exit code after %v is %d; see %s", sig, code, l.log.Name())
	}
	return true
}

// abandon ends what is left of the life.
func (l *life) abandon() {
	_ = l.cmd.Process.Kill() // ended already, if all went well
	<-l.ended
	if l.client != nil {
		_ = l.client.Close() // the supervisor may have closed it first
	}
}

// whole waits until every worker is ready and has nothing to do. One with a few calls left before max-total-calls stays beside its
// successor until max-age, which is a minute at most.
func (l *life) whole(ctx context.Context) bool {
	const long = 2 * patience
	var last string
	for began := time.Now(); time.Since(began) < long; time.Sleep(20 * time.Millisecond) {
		if ctx.Err() != nil {
			return false
		}
		ready, all := 0, 0
		last = ""
		for _, k := range l.kinds {
			list, err := l.client.Workers(ctx, whipper.PoolParams{Pool: k.name})
			if err != nil {
				l.books.violation("list workers: %v", err)
				return false
			}
			for _, w := range list.Workers {
				// A process that is just being started is not known to be ours yet.
				if w.State == "processing" && w.Calls == 0 && l.isOurs(w.PID) {
					ready++
				}
			}
			all += len(list.Workers)
			last += fmt.Sprintf("%+v", list.Workers)
		}
		if want := l.workers * len(l.kinds); ready == want && all == want {
			return true
		}
	}
	l.books.violation("after %s the pools are not whole: %s", long, last)
	return false
}
