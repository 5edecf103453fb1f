// Command chaos attacks whipper for an hour, or as long as it is told, and then looks whether everything that was said is true.
//
//	go run ./internal/chaos [-seconds 3600] [-seed 1] [-keep] [-long]
//	go run ./internal/chaos -sabotage [NAME]
//
// There are three stages: state folders on which one supervisor after the other lives, or, in the last, one from the start to the end.
// Clients in Go, Node and Python submit, invoke, cancel, retry and schedule; a vandal kills and stops workers and supervisors, fills
// the disk and steers the pools; supervisors are ended by SIGKILL and SIGTERM and replaced by other builds with other settings. Workers leave
// a line behind for each run. A round of that ends in peace: when all jobs have ended, the ledger, what the clients were told, the
// events and the effects are held against each other (findings), nothing may be left (rest), and the next round begins.
//
// The exit code is 1 if there was a violation. With -sabotage it builds whippers with a fault each and fails if it does not find one of them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options of a run.
type options struct {
	duration time.Duration // of the whole
	round    time.Duration
	life     time.Duration // of one supervisor, on the average
	pace     time.Duration // between two asks of a client, on the average
	malice   time.Duration // between two acts of a vandal
	stuck    time.Duration // after which a job that does not move is not going to
	seed     uint64
	keep     bool   // the folder, also if all is well
	long     bool   // also builds that take a while: the commit before, and a clock that jumps
	sign     string // stop after the round in which a violation says this; "": go on
}

func main() {
	if os.Getenv(workerEnv) != "" {
		runWorker()
		return
	}
	seconds := flag.Float64("seconds", 3600, "how long to go on; CHAOS_SECONDS sets it too")
	seed := flag.Uint64("seed", 1, "where the random numbers begin; CHAOS_SEED sets it too")
	keep := flag.Bool("keep", false, "keep the folder with ledgers and logs even if all is well")
	long := flag.Bool("long", false, "take a minute to make a build of the commit before and one whose clock jumps, as in runs of five minutes or more")
	broken := flag.Bool("sabotage", false, "build faults into whipper and see that each is found")
	for name, variable := range map[string]string{"seconds": "CHAOS_SECONDS", "seed": "CHAOS_SEED"} {
		if value := os.Getenv(variable); value != "" {
			if err := flag.Set(name, value); err != nil {
				fmt.Fprintf(os.Stderr, "chaos: %s=%s: %v\n", variable, value, err)
				os.Exit(2)
			}
		}
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if *broken {
		err = seeSabotages(ctx, *seed, flag.Arg(0), os.Stdout)
	} else {
		o := shortened(time.Duration(*seconds*float64(time.Second)), *seed)
		o.keep, o.long = *keep, o.long || *long
		err = chaos(ctx, o, os.Stdout)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// shortened are the options of a run of that length.
func shortened(d time.Duration, seed uint64) options {
	o := options{duration: d, round: 2 * time.Minute, life: 10 * time.Second, pace: 60 * time.Millisecond, malice: 300 * time.Millisecond, stuck: 30 * time.Second, seed: seed, long: true}
	if d < 5*time.Minute {
		o.round, o.life, o.long = 40*time.Second, 6*time.Second, false
	}
	return o
}

var errViolated = errors.New("what was said is not true")
