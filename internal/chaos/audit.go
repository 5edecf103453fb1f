package main

import (
	"context"
	"fmt"
	"time"
)

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
		deeds: h.deeds, states: h.states, retried: h.retried, rows: rows, effects: left, final: h.events.final, allTold: r.old && h.events.lost == 0,
		unwritten: r.unwritten, jumps: r.jumps,
	}
	f.check(r.books.violation)
	r.totals.add(&f)
	h.events.mu.Unlock()
	h.mu.Unlock()
	r.books.add("excused by a SIGKILL", int64(f.excused))
	for i := range rows {
		r.books.add("jobs "+rows[i].State, 1)
		for _, a := range rows[i].Attempts {
			r.books.add("attempts "+a.Outcome, 1)
		}
		if rows[i].Labels["schedule"] != "" {
			r.books.add("jobs of schedules", 1)
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
	soon := time.Now().Add(time.Hour) // a clock that jumps may have been ahead
	text, err = r.cli(ctx, "ledger", "stats", "--json", "--since", "90d", "--until", soon.UTC().Format(time.RFC3339))
	if err != nil {
		return err
	}
	said, err := lines[statistics](text)
	if err != nil {
		return fmt.Errorf("read the statistics: %w", err)
	}
	r.totals.check(said, r.books.violation)
	return nil
}
