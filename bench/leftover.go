package main

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
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/whipper-sidecar/whipper/ledger"
)

// leaverVar makes the bench one that puts jobs on a ledger and waits to be killed. Its value is their state.
const leaverVar = "WHIPPER_BENCH_LEAVES"

// leaves is that bench's main: it is given a folder and how many jobs.
func leaves(state ledger.State, args []string) {
	n, err := strconv.Atoi(args[1])
	if err == nil {
		err = leave(context.Background(), state, args[0], n)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
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
		jobs, _, err := l.Ready(ctx, pool, time.Now(), n, nil)
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
	counts, err := l.Counts(ctx, pool)
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
func starts(ctx context.Context, w *tabwriter.Writer, binary, dir string, runs, n int) error {
	fmt.Fprintln(w, "\nSTART\tOPEN\tRECOVER\tEXEC UNTIL READY\tON A NEW LEDGER")
	for _, state := range []ledger.State{ledger.Queued, ledger.Running} {
		left := filepath.Join(dir, "left-"+string(state))
		if err := leftBehind(ctx, state, left, n); err != nil {
			return err
		}
		var opens, recoveries, readies, floors []time.Duration
		for range runs {
			open, recovery, err := reopen(ctx, left, filepath.Join(dir, "reopened"), state, n)
			if err != nil {
				return err
			}
			ready, err := untilReady(ctx, binary, left, filepath.Join(dir, "started"))
			if err != nil {
				return err
			}
			floor, err := untilReady(ctx, binary, "", filepath.Join(dir, "new"))
			if err != nil {
				return err
			}
			opens, recoveries, readies, floors = append(opens, open), append(recoveries, recovery), append(readies, ready), append(floors, floor)
		}
		fmt.Fprintf(w, "%s %s jobs after SIGKILL\t%s\t%s\t%s\t%s\n", humanize.Comma(int64(n)), state,
			brief(median(opens)), brief(median(recoveries)), brief(median(readies)), brief(median(floors)))
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
func untilReady(ctx context.Context, binary, left, dir string) (took time.Duration, err error) {
	if left != "" {
		if err := copyLedger(left, dir); err != nil {
			return 0, err
		}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	began := time.Now()
	s, err := startSupervisor(ctx, binary, dir, 1, 1)
	if err != nil {
		return 0, err
	}
	return time.Since(began), s.end()
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
