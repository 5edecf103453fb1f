package supervisor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/ledger"
)

func TestTimesThatComeWhileTheDiskIsFullHaveTheirJobsWhenThereIsRoom(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), envRole+"=full-disk")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "well") {
		t.Errorf("%v: %s", err, out)
	}
}

// scheduleOnAFullDisk limits the size of this process's files while times come, so that the WAL cannot grow.
func scheduleOnAFullDisk() {
	signal.Ignore(syscall.SIGXFSZ)
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			die("%v", err)
		}
	}
	l, err := ledger.Open(ctx, ledger.Options{Dir: "."})
	must(err)
	p, err := NewPool(l, Options{Command: []string{"true"}})
	must(err)
	s := NewScheduler(SchedulerOptions{Ledger: l, Pool: func(string) *Pool { return p }})
	go s.Run(ctx) // before the schedules are there, so that none of their times was missed; it ends with the process
	names := []string{"a", "b", "c"}
	for _, name := range names {
		_, _, err := l.PutSchedule(ctx, ledger.Schedule{Name: name, Spec: "@every 3s", Pool: "default", Method: "m"})
		must(err)
	}
	before, err := l.Schedules(ctx)
	must(err)

	var limit unix.Rlimit
	must(unix.Getrlimit(unix.RLIMIT_FSIZE, &limit))
	info, err := os.Stat(filepath.Join(".", "ledger.db-wal"))
	must(err)
	full := limit
	full.Cur = uint64(info.Size())
	must(unix.Setrlimit(unix.RLIMIT_FSIZE, &full))
	for l.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if jobs, _, err := l.List(ctx, ledger.Filter{}); len(jobs) > 0 || err != nil {
		die("%d jobs on a full disk: %v", len(jobs), err)
	}
	must(unix.Setrlimit(unix.RLIMIT_FSIZE, &limit))

	for {
		after, err := l.Schedules(ctx)
		must(err)
		done := 0
		for i := range after {
			if after[i].LastJob == 0 {
				continue
			}
			done++
			if !after[i].LastAt.Equal(before[i].NextAt) {
				die("%s: the time at %v has no job, but %v has", after[i].Name, before[i].NextAt, after[i].LastAt)
			}
		}
		if jobs, _, err := l.List(ctx, ledger.Filter{}); done == len(names) {
			if len(jobs) != len(names) || err != nil {
				die("%d jobs for %d times: %v", len(jobs), len(names), err)
			}
			fmt.Println("well")
			os.Exit(0)
		}
		time.Sleep(time.Millisecond)
	}
}
