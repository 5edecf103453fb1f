package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"maps"
	"slices"
)

const (
	pairsSQL     = `SELECT DISTINCT pool, method FROM tally WHERE (pool = ?1 OR ?1 = '') AND (method = ?2 OR ?2 = '')`
	allCountsSQL = `SELECT pool, method, state, n FROM tally`
)

// listRange is a part of an index in which entries are in order of id. The zero range is the primary key.
type listRange struct {
	state        State
	pool, method string
}

// snapshot finds what to read for a filter and has each range read, all from one moment's ledger.
func (r *Reader) snapshot(ctx context.Context, f Filter, read func(*sql.Tx, listRange) error) error {
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // it has written nothing
	ranges, err := r.ranges(ctx, tx, f)
	for i := 0; err == nil && i < len(ranges); i++ {
		err = read(tx, ranges[i])
	}
	return err
}

// ranges returns what to read for a filter.
func (r *Reader) ranges(ctx context.Context, tx *sql.Tx, f Filter) ([]listRange, error) {
	switch {
	case f.Pool == "" && f.Method == "" && len(f.States) == 0:
		return []listRange{{}}, nil
	case f.Pool == "" && f.Method == "":
		return stateRanges(f.States), nil
	case len(f.States) > 0:
		return r.fewerRanges(ctx, tx, f)
	}
	var ranges []listRange
	rows, err := tx.StmtContext(ctx, r.stmt[pairsSQL]).QueryContext(ctx, f.Pool, f.Method)
	err = eachRow(rows, err, 2, func(values []driver.Value) error {
		s := scanner{values: values}
		ranges = append(ranges, listRange{pool: s.text(), method: s.text()})
		return nil
	})
	return ranges, err
}

func stateRanges(states []State) []listRange {
	var ranges []listRange
	for _, state := range slices.Compact(slices.Sorted(slices.Values(states))) {
		ranges = append(ranges, listRange{state: state})
	}
	return ranges
}

// fewerRanges returns the ranges of states or those of pools and methods for a filter that has both: those with fewer jobs by the tally, and none in
// which there is no job that has both.
func (r *Reader) fewerRanges(ctx context.Context, tx *sql.Tx, f Filter) ([]listRange, error) {
	type pair struct{ pool, method string }
	byState, byPair := make(map[State]int64), make(map[pair]int64) // all jobs of a state, of a pair
	states, pairs := make(map[State]int64), make(map[pair]int64)   // those that match
	rows, err := tx.StmtContext(ctx, r.stmt[allCountsSQL]).QueryContext(ctx)
	err = eachRow(rows, err, 4, func(values []driver.Value) error {
		s := scanner{values: values}
		p, state, n := pair{s.text(), s.text()}, State(s.text()), s.int()
		byState[state] += n
		byPair[p] += n
		if n > 0 && slices.Contains(f.States, state) && (f.Pool == "" || f.Pool == p.pool) && (f.Method == "" || f.Method == p.method) {
			states[state] += n
			pairs[p] += n
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var inStates, inPairs int64
	for state := range states {
		inStates += byState[state]
	}
	for p := range pairs {
		inPairs += byPair[p]
	}
	if inStates <= inPairs {
		return stateRanges(slices.Collect(maps.Keys(states))), nil
	}
	var ranges []listRange
	for p := range pairs {
		ranges = append(ranges, listRange{pool: p.pool, method: p.method})
	}
	return ranges, nil
}
