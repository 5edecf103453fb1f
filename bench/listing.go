package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/whipper-sidecar/whipper/ledger"
)

// listing is a question to the ledger: as a command, and as a call of ledger.Reader.
type listing struct {
	args   []string
	reader func(context.Context, *ledger.Reader) (found int, err error)
}

// listings are `whipper ledger list` with each of its filters, where it finds much and where it finds little or nothing, and `stats`.
func listings(h *history) []listing {
	list := func(f ledger.Filter, args ...string) listing {
		f.Limit = 20
		return listing{append([]string{"list"}, args...), func(ctx context.Context, r *ledger.Reader) (int, error) {
			jobs, _, err := r.List(ctx, f)
			return len(jobs), err
		}}
	}
	stats := func(f ledger.StatsFilter, args ...string) listing {
		return listing{append([]string{"stats"}, args...), func(ctx context.Context, r *ledger.Reader) (int, error) {
			methods, err := r.Stats(ctx, f)
			return len(methods), err
		}}
	}
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	day := 24 * time.Hour
	early, late := h.begun.Add(day).Truncate(time.Second), h.begun.Add(historySpan-day).Truncate(time.Second)
	soon := time.Now().Add(day).Truncate(time.Second)
	return []listing{
		list(ledger.Filter{}),
		list(ledger.Filter{States: []ledger.State{ledger.Failed}}, "--state", "failed"),
		list(ledger.Filter{States: []ledger.State{ledger.Succeeded, ledger.Dropped}}, "--state", "succeeded", "--state", "dropped"),
		list(ledger.Filter{States: []ledger.State{ledger.Queued}}, "--state", "queued"),
		list(ledger.Filter{Method: "m7"}, "--method", "m7"),
		list(ledger.Filter{Method: "none"}, "--method", "none"),
		list(ledger.Filter{Pool: "reports"}, "--pool", "reports"),
		list(ledger.Filter{Pool: "reports", States: []ledger.State{ledger.Dropped}}, "--pool", "reports", "--state", "dropped"),
		list(ledger.Filter{Since: late}, "--since", at(late)),
		list(ledger.Filter{Since: soon}, "--since", at(soon)),
		list(ledger.Filter{Until: early}, "--until", at(early)),
		list(ledger.Filter{Since: early, Until: early.Add(time.Hour)}, "--since", at(early), "--until", at(early.Add(time.Hour))),
		list(ledger.Filter{LabelName: "customer", LabelValue: "c77"}, "--label", "customer=c77"),
		list(ledger.Filter{LabelName: "customer", LabelValue: "none"}, "--label", "customer=none"),
		stats(ledger.StatsFilter{Since: time.Now().Add(-day)}),
		stats(ledger.StatsFilter{Since: h.begun}, "--since", at(h.begun)),
	}
}

// askHistory measures each listing as a process of the binary and as a call, beside a process that reads nothing.
func askHistory(ctx context.Context, w io.Writer, binary string, h *history, runs int) (err error) {
	r, err := ledger.OpenReader(ctx, h.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	fmt.Fprintf(w, "\nLEDGER OF %s JOBS\tFOUND\tPROCESS\tFLOOR (version)\tREADER\n", humanize.Comma(h.jobs))
	for _, l := range listings(h) {
		var processes, floors, calls []time.Duration
		found := 0
		for range runs {
			floor, err := command(ctx, binary, "version")
			if err != nil {
				return err
			}
			process, err := command(ctx, binary, append([]string{"ledger", l.args[0], "--dir", h.dir}, l.args[1:]...)...)
			if err != nil {
				return err
			}
			began := time.Now()
			if found, err = l.reader(ctx, r); err != nil {
				return err
			}
			processes, floors, calls = append(processes, process), append(floors, floor), append(calls, time.Since(began))
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", strings.Join(l.args, " "), found, brief(median(processes)), brief(median(floors)), brief(median(calls)))
	}
	return nil
}

// command is how long a process of the binary takes from its start to its end.
func command(ctx context.Context, binary string, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, binary, args...)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("whipper %s: %w\n%s", strings.Join(args, " "), err, out[max(0, len(out)-1000):])
	}
	return time.Since(began), nil
}
