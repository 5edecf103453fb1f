package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// pace is how fast jobs were handled.
type pace struct {
	rate float64       // jobs a second
	cpu  time.Duration // processor time of a job, the whole process's, which other load on the machine changes less
}

// paceOf measures do, which handles n jobs.
func paceOf(n int, do func() error) (pace, error) {
	began, before := time.Now(), processor()
	if err := do(); err != nil {
		return pace{}, err
	}
	return pace{float64(n) / time.Since(began).Seconds(), (processor() - before) / time.Duration(n)}, nil
}

// processor is how much processor time this process has used.
func processor() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u) // it has no way to fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// race is what was measured of two who take turns.
type race struct{ ours, floor []pace }

func (r *race) add(ours, floor pace) {
	r.ours, r.floor = append(r.ours, ours), append(r.floor, floor)
}

// print writes the medians of the rates, and of the turns' ratios.
func (r *race) print(w *tabwriter.Writer, what string) {
	rateOf := func(p pace) float64 { return p.rate }
	var ratios, cpus []float64
	for i := range r.ours {
		ratios = append(ratios, r.ours[i].rate/r.floor[i].rate)
		cpus = append(cpus, r.floor[i].cpu.Seconds()/r.ours[i].cpu.Seconds())
	}
	fmt.Fprintf(w, "%s\t%.0f/s\t%.0f/s\t%.2f\t%.2f\n", what, median(each(r.ours, rateOf)), median(each(r.floor, rateOf)), median(ratios), median(cpus))
}

// inTurn does two things, the other way round every second time.
func inTurn(n int, a, b func() error) error {
	if n%2 == 1 {
		a, b = b, a
	}
	if err := a(); err != nil {
		return err
	}
	return b()
}
