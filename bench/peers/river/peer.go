package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"slices"
	"time"
)

// job is what the command line asks for.
type job struct {
	work                                     string
	jobs, calls, depth, workers, concurrency int
	dir                                      string // the caller's, or else one that is removed at the end
}

// found is what a work found. times are of each job, if they were measured.
type found struct {
	seconds  float64
	times    []time.Duration
	settings string
}

// parseJob reads WORK and the options behind it.
func parseJob(arguments []string) (job, error) {
	var j job
	if len(arguments) == 0 {
		return j, fmt.Errorf("no work: give one of durable, submit")
	}
	j.work = arguments[0]
	flags := flag.NewFlagSet("river", flag.ContinueOnError)
	numbers := map[string]*int{}
	for _, number := range []struct {
		name    string
		target  *int
		initial int
	}{
		{"jobs", &j.jobs, 20_000},
		{"calls", &j.calls, 20_000},
		{"depth", &j.depth, 64},
		{"workers", &j.workers, 2},
		{"concurrency", &j.concurrency, 32},
	} {
		flags.IntVar(number.target, number.name, number.initial, "")
		numbers[number.name] = number.target
	}
	flags.StringVar(&j.dir, "dir", "", "an empty folder for its files")
	if err := flags.Parse(arguments[1:]); err != nil {
		return j, err
	}
	for name, target := range numbers {
		if *target < 1 {
			return j, fmt.Errorf("--%s %d: give a whole number above 0", name, *target)
		}
	}
	return j, nil
}

// print writes the one line of JSON that a peer answers with.
func (f found) print(w io.Writer, j job) error {
	slices.Sort(f.times)
	return json.NewEncoder(w).Encode(struct {
		Peer     string  `json:"peer"`
		Version  string  `json:"version"`
		Settings string  `json:"settings"`
		Work     string  `json:"work"`
		Jobs     int     `json:"jobs"`
		Seconds  float64 `json:"seconds"`
		Rate     float64 `json:"rate"`
		P50      int64   `json:"p50us"`
		P99      int64   `json:"p99us"`
	}{
		"river", version("github.com/riverqueue/river"), f.settings, j.work, j.jobs,
		math.Round(f.seconds*1e4) / 1e4, math.Round(float64(j.jobs) / f.seconds),
		percentile(f.times, 0.5).Microseconds(), percentile(f.times, 0.99).Microseconds(),
	})
}

// percentile is of sorted times; 0 of none.
func percentile(times []time.Duration, part float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	return times[int(float64(len(times))*part)]
}

// version is of a module that this program was built with.
func version(path string) string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, module := range info.Deps {
			if module.Path == path {
				return module.Version
			}
		}
	}
	return "?"
}

// workDir is the folder that was given, or a new one; the function removes the latter.
func (j job) workDir() (string, func(), error) {
	if j.dir != "" {
		return j.dir, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "whipper-peer-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}
