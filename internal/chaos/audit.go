package main

import (
	"context"
	"fmt"
)

// totals are what the statistics of a ledger must have come to, over all rounds.
type totals struct{ succeeded, attempts, crashes int64 }

// audit reads what a round has left, and holds it against each other.
func (r *round) audit(ctx context.Context) error {
	text, err := r.cli(ctx, "ledger", "export")
	if err != nil {
		return err
	}
	rows, err := lines[row](text)
	if err != nil {
		return fmt.Errorf("read the export: %w", err)
	}
	left, end, err := readEffects(r.effects(), r.seen)
	if err != nil {
		return err
	}
	r.seen = end
	r.books.add("jobs", int64(len(rows)))
	r.books.add("effects", int64(len(left)))
	h := r.history
	h.mu.Lock()
	h.events.mu.Lock()
	f := findings{
		deeds: h.deeds, states: h.states, retried: h.retried, rows: rows, effects: left, final: h.events.final, lost: h.events.lost,
		unwritten: r.unwritten, jumps: r.jumps,
	}
	f.check(r.books.violation)
	h.events.mu.Unlock()
	h.mu.Unlock()
	for i := range rows {
		r.books.add("jobs "+rows[i].State, 1)
		if rows[i].State == "succeeded" {
			r.totals.succeeded++
		}
		r.totals.attempts += int64(len(rows[i].Attempts))
		for _, a := range rows[i].Attempts {
			r.books.add("attempts "+a.Outcome, 1)
			if a.Outcome == "crashed" {
				r.totals.crashes++
			}
		}
	}
	return r.auditFile(ctx)
}

// auditFile has whipper check its own books, and compares its statistics with what there was.
func (r *round) auditFile(ctx context.Context) error {
	text, err := r.cli(ctx, "ledger", "check", "--json")
	if err != nil {
		r.books.violation("%v: %s", err, text)
	}
	text, err = r.cli(ctx, "ledger", "stats", "--json", "--since", "90d")
	if err != nil {
		return err
	}
	stats, err := lines[struct{ Succeeded, Attempts, Crashes int64 }](text)
	if err != nil {
		return fmt.Errorf("read the statistics: %w", err)
	}
	var t totals
	for _, s := range stats {
		t.succeeded += s.Succeeded
		t.attempts += s.Attempts
		t.crashes += s.Crashes
	}
	if t != r.totals {
		r.books.violation("the statistics tell of %+v, and there were %+v", t, r.totals)
	}
	return nil
}
