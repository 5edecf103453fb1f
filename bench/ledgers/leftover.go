package ledgers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/whipper-sidecar/whipper/bench/floor"
	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/bench/sidecar"
	"github.com/whipper-sidecar/whipper/ledger"
)

// leaverVar makes the bench one that puts jobs on a ledger and waits to be killed. Its value is their state.
const leaverVar = "WHIPPER_BENCH_LEAVES"

// Leaving does that, where it is what this process was started for: it is given a folder and how many jobs. The caller ends when it returns true.
func Leaving() bool {
	state := os.Getenv(leaverVar)
	if state == "" {
		return false
	}
	n, err := strconv.Atoi(os.Args[2])
	if err == nil {
		err = leave(context.Background(), ledger.State(state), os.Args[1], n)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	return true
}

// leave says on stdout when the jobs are on disk.
func leave(ctx context.Context, state ledger.State, dir string, n int) error {
	l, err := ledger.Open(ctx, ledger.Options{Dir: dir})
	if err != nil {
		return err
	}
	j := job()
	j.Method = "echo"
	if err := submitJobs(ctx, l, n, j); err != nil {
		return err
	}
	if state == ledger.Running {
		jobs, _, err := l.Ready(ctx, floor.Pool, time.Now(), n, nil)
		if err != nil {
			return err
		}
		for _, j := range jobs {
			l.Start(ledger.Begin(j, "w1", 4711, time.Now()), nil)
		}
		if err := l.Flush(ctx); err != nil {
			return err
		}
	}
	counts, err := l.Counts(ctx, floor.Pool)
	if err == nil && counts[state] != int64(n) {
		err = fmt.Errorf("%d of %d jobs are %s", counts[state], n, state)
	}
	if err != nil {
		return err
	}
	fmt.Println("left")
	_, err = io.Copy(io.Discard, os.Stdin) // until it is killed
	return err
}

// leftBehind has a process put jobs on a ledger, and kills it with SIGKILL.
func leftBehind(ctx context.Context, state ledger.State, dir string, n int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, dir, strconv.Itoa(n))
	cmd.Env = append(os.Environ(), leaverVar+"="+string(state))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	_, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		err = fmt.Errorf("leave %d %s jobs: %w", n, state, err)
	}
	err = errors.Join(err, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	return err
}

// starts measures how long it takes to open a ledger with jobs on it and to recover what was running, and until `whipper exec` is ready on it, beside a new ledger.
func (b Bench) starts(ctx context.Context, n int) error {
	for _, state := range []ledger.State{ledger.Queued, ledger.Running} {
		left := filepath.Join(b.Dir, "left-"+string(state))
		if err := leftBehind(ctx, state, left, n); err != nil {
			return err
		}
		w := b.Report.Work(fmt.Sprintf("start after SIGKILL, %s jobs %s", humanize.Comma(int64(n)), state), "a Node worker's `whipper exec` until it is ready, and the opening and recovery within it")
		opened := &result.Contender{Name: "opening", Kind: result.Ours}
		recovered := &result.Contender{Name: "recovery", Kind: result.Ours, Run: func(ctx context.Context) (result.Figures, error) {
			open, recovery, err := reopen(ctx, left, filepath.Join(b.Dir, "reopened"), state, n)
			opened.Turns = append(opened.Turns, result.Figures{result.Took: open.Seconds()})
			return result.Figures{result.Took: recovery.Seconds()}, err
		}}
		ready := &result.Contender{Name: "exec until ready", Kind: result.Ours, Run: func(ctx context.Context) (result.Figures, error) {
			took, err := b.untilReady(ctx, left, filepath.Join(b.Dir, "started"))
			return result.Figures{result.Took: took.Seconds()}, err
		}}
		fresh := &result.Contender{Name: "on a new ledger", Kind: result.Floor, Run: func(ctx context.Context) (result.Figures, error) {
			took, err := b.untilReady(ctx, "", filepath.Join(b.Dir, "new"))
			return result.Figures{result.Took: took.Seconds()}, err
		}}
		if err := w.Take(ctx, b.Turns, ready, fresh, recovered); err != nil {
			return err
		}
		w.Contenders = append(w.Contenders, opened)
		w.Compare(ready.Name, result.Took, fresh.Name, 0)
		w.Hold(opened.Name, result.Took, 0)
		w.Hold(recovered.Name, result.Took, 0)
		if err := os.RemoveAll(left); err != nil {
			return err
		}
	}
	return nil
}

// reopen opens and recovers a copy of a ledger that was left.
func reopen(ctx context.Context, left, dir string, state ledger.State, n int) (open, recovery time.Duration, err error) {
	if err := copyLedger(left, dir); err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	began := time.Now()
	l, err := ledger.Open(ctx, ledger.Options{Dir: dir, Existing: true})
	if err != nil {
		return 0, 0, err
	}
	open = time.Since(began)
	r, err := l.Recover(ctx)
	recovery = time.Since(began) - open
	if err == nil && state == ledger.Running && r.Requeued != n {
		err = fmt.Errorf("%d of %d running jobs were queued again", r.Requeued, n)
	}
	return open, recovery, errors.Join(err, l.Close())
}

// untilReady is how long `whipper exec` takes from its start until it is ready, on a copy of a ledger, or on a new one.
func (b Bench) untilReady(ctx context.Context, left, dir string) (took time.Duration, err error) {
	if left != "" {
		if err := copyLedger(left, dir); err != nil {
			return 0, err
		}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	began := time.Now()
	s, err := sidecar.Start(ctx, sidecar.Options{Binary: b.Binary, Dir: dir, Workers: 1, Calls: 1, Worker: []string{b.Worker}})
	if err != nil {
		return 0, err
	}
	return time.Since(began), s.End()
}

// copyLedger copies the database and its WAL. What is copied has just been written, so that no disk is read.
func copyLedger(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"ledger.db", "ledger.db-wal"} {
		if err := copyFile(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close()) // so that what is measured does not wait for this
}
