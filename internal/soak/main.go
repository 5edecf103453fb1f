// Command soak runs whipper for minutes with workers in Node, Python and Go while all that can go wrong goes wrong, and then
// balances the books.
//
//	go run ./internal/soak [-seconds 600] [-seed N]
//
// For each kind of worker there is a stage: one state folder with a supervisor of four workers, clients that invoke and submit through
// the socket, and a vandal who kills, stops and restarts workers, steers the pool and sends garbage. A supervisor lives
// for some seconds, ends by a drain, by SIGTERM under load or by SIGKILL, and the next one goes on with the same ledger. What must hold
// all the time is noted where it breaks (see books), as a violation; the rest is looked at when a supervisor is at rest and at the very end:
// each acknowledged job ended once, each call was answered once, processes that were started have ended or live, and no goroutine,
// descriptor, process or file is left. The exit code is 1 if there was a violation.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// options of a soak.
type options struct {
	duration time.Duration // of the whole
	life     time.Duration // of one supervisor
	seed     uint64
	keep     bool // the folder, also if all is well
}

func main() {
	if os.Getenv(workerEnv) != "" {
		runWorker()
		return
	}
	o := options{life: 15 * time.Second}
	seconds := flag.Float64("seconds", envSeconds(600), "how long to go on; SOAK_SECONDS sets it too")
	flag.Uint64Var(&o.seed, "seed", rand.Uint64(), "where the random numbers begin")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder with ledgers and logs even if all is well")
	flag.Parse()
	o.duration = time.Duration(*seconds * float64(time.Second))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := soak(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// envSeconds reads SOAK_SECONDS.
func envSeconds(otherwise float64) float64 {
	if n, err := strconv.ParseFloat(os.Getenv("SOAK_SECONDS"), 64); err == nil && n > 0 {
		return n
	}
	return otherwise
}

// soak runs all stages side by side and says what came of it.
func soak(ctx context.Context, o options, out io.Writer) error {
	dir, err := os.MkdirTemp("", "whipper-soak-")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "soak: %s, seed %d, folder %s\n", o.duration, o.seed, dir)
	binary := filepath.Join(dir, "whipper")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/whipper-sidecar/whipper/cmd/whipper")
	if text, err := build.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("build whipper: %w\n%s", err, text), os.RemoveAll(dir))
	}
	kinds, err := writeWorkers(dir)
	if err != nil {
		return err
	}
	began := time.Now()
	var all []*books
	var stages sync.WaitGroup
	for i, k := range kinds {
		s := newStage(binary, filepath.Join(dir, k.name), k, o, uint64(i))
		all = append(all, s.books)
		stages.Go(func() { s.run(ctx, began.Add(o.duration)) })
	}
	stages.Wait()
	violations := 0
	for i, b := range all {
		violations += b.report(out, kinds[i].name)
	}
	fmt.Fprintf(out, "soak: %s, %s\n", time.Since(began).Round(time.Second), count(violations, "violation"))
	if violations > 0 {
		return fmt.Errorf("%s; ledgers and logs are in %s", count(violations, "violation"), dir)
	}
	if o.keep {
		return nil
	}
	return os.RemoveAll(dir)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
