// Package ledgertest says what a ledger is, in tests: Run holds an engine to the contract, one sentence of behaviour after the other,
// and RunModel compares it with a model in memory, through whatever sequence of calls, clocks and crashes.
//
// It knows a store by its interface alone, so it tests nothing of how an engine does what it promises: its queries, its files, its
// behaviour on a full disk have tests of their own beside it. It has no goroutine but those that wait for jobs, and none of them is left.
package ledgertest

import (
	"slices"
	"testing"
)

// behaviour is a sentence of the contract.
type behaviour struct {
	sentence string
	holds    func(b *bench)
}

// Run holds an engine to the contract. Each sentence has a store of its own.
func Run(t *testing.T, e Engine) {
	for _, c := range slices.Concat(
		submissions, keys, claims, lanes, changes, runs, commands, waits, prunes, recoveries, statistics, listings, schedules, reopenings,
	) {
		t.Run(c.sentence, func(t *testing.T) { c.holds(newBench(t, e)) })
	}
}
