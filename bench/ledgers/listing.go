package ledgers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/bench/sidecar"
	"github.com/whipper-sidecar/whipper/ledger"
)

// listing is a question to the ledger: as a command, and as a call of ledger.Reader.
type listing struct {
	name   string
	args   []string
	reader func(context.Context, *ledger.Reader) (found int, err error)
}

// listings are `whipper ledger list` with each of its filters, where it finds much and where it finds little or nothing, and `stats`.
func listings(h *history) []listing {
	list := func(f ledger.Filter, args ...string) listing {
		f.Limit = 20
		return listing{named("list", args), append([]string{"list"}, args...), func(ctx context.Context, r *ledger.Reader) (int, error) {
			jobs, _, err := r.List(ctx, f)
			return len(jobs), err
		}}
	}
	stats := func(f ledger.StatsFilter, args ...string) listing {
		return listing{named("stats", args), append([]string{"stats"}, args...), func(ctx context.Context, r *ledger.Reader) (int, error) {
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

// named is the command with its times left out, which differ from run to run.
func named(command string, args []string) string {
	for _, arg := range args {
		if _, err := time.Parse(time.RFC3339, arg); err == nil {
			arg = "TIME"
		}
		command += " " + arg
	}
	return command
}

// listings measures each listing as a process of the binary and as a call, beside a process that reads nothing.
func (b Bench) listings(ctx context.Context, h *history) (err error) {
	r, err := ledger.OpenReader(ctx, h.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	w := b.Report.Work("whipper ledger", fmt.Sprintf("as a process on a ledger of %s jobs, and as a call of ledger.Reader", humanize.Comma(h.jobs)))
	version := b.process("whipper version", "version")
	version.Kind = result.Floor
	all := []*result.Contender{version}
	var calls []*result.Contender
	for _, l := range listings(h) {
		calls = append(calls, &result.Contender{Name: "a call: " + l.name, Kind: result.Ours, Run: func(ctx context.Context) (result.Figures, error) {
			began := time.Now()
			_, err := l.reader(ctx, r)
			return result.Figures{result.Took: time.Since(began).Seconds()}, err
		}})
		all = append(all, b.process(l.name, append([]string{"ledger", l.args[0], "--dir", h.dir}, l.args[1:]...)...))
	}
	if err := w.Take(ctx, b.Turns, append(all, calls...)...); err != nil {
		return err
	}
	for i, call := range calls {
		w.Compare(all[i+1].Name, result.Took, version.Name, 0)
		w.Hold(call.Name, result.Took, 0)
	}
	return nil
}

// process is a process of the binary, from its start to its end.
func (b Bench) process(name string, args ...string) *result.Contender {
	return &result.Contender{Name: name, Kind: result.Ours, Run: func(ctx context.Context) (result.Figures, error) {
		took, err := sidecar.Command(ctx, b.Binary, args...)
		return result.Figures{result.Took: took.Seconds()}, err
	}}
}
