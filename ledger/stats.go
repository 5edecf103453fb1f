package ledger

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

const (
	cellsSQL = `SELECT hour, succeeded, failed, cancelled, dropped, attempts, crashes, wait_total, run_total, wait_sketch, run_sketch
		FROM rollup WHERE pool = ? AND method = ? AND hour >= ? AND hour < ? ORDER BY hour`
	openSQL = `SELECT state, n FROM tally WHERE pool = ? AND method = ? AND (state = 'queued' OR state = 'running')`
)

// StatsFilter selects what Stats is about. Every member that is set must hold.
type StatsFilter struct {
	Pool, Method string
	Since, Until time.Time // of ends, in whole hours: from the hour that Since is in, and hours that begin before Until
}

// MethodStats is what has become of the jobs of one method of a pool. They count where they ended, whether or not they have been pruned since; one that
// was given another run after its end counts for each of its ends.
type MethodStats struct {
	Pool, Method    string
	Ended           map[State]int64 // how many have ended in each final state
	Attempts        int64           // runs that have ended, charged or not
	Crashes         int64           // those whose process died
	Wait, Run       Latency         // of the last runs of jobs that have ended; not of those that a supervisor's death cut short, nobody knows when
	Hours           []HourStats     // in order; hours in which nothing ended are not there
	Queued, Running int64           // how many are so now
}

// HourStats is how many jobs ended in an hour.
type HourStats struct {
	At            time.Time // its start
	Ended, Failed int64     // Failed are among Ended
}

// Latency is how durations are spread. Quantiles are exact to within 2 %; all are 0 where N is.
type Latency struct {
	N                   int64
	Mean, P50, P95, P99 time.Duration
}

func latency(s *sketch, total int64) Latency {
	if s.n == 0 {
		return Latency{}
	}
	return Latency{
		N: int64(s.n), Mean: microseconds(total / int64(s.n)),
		P50: s.quantile(0.5), P95: s.quantile(0.95), P99: s.quantile(0.99),
	}
}

// Total is how many jobs have ended.
func (m *MethodStats) Total() (n int64) {
	for _, ended := range m.Ended {
		n += ended
	}
	return n
}

// ErrorRate is the share of failed jobs among those that succeeded or failed; 0 where none did.
func (m *MethodStats) ErrorRate() float64 {
	if n := m.Ended[Succeeded] + m.Ended[Failed]; n > 0 {
		return float64(m.Ended[Failed]) / float64(n)
	}
	return 0
}

// Stats returns the statistics of each method that has had a job, in order of pool and method. It reads no jobs; its cost grows with the number
// of methods and hours.
func (r *Reader) Stats(ctx context.Context, f StatsFilter) ([]MethodStats, error) {
	r.upToDate(ctx)
	since, until := int64(-1<<63), int64(1<<63-1)
	if !f.Since.IsZero() {
		since = hourOf(f.Since)
	}
	if !f.Until.IsZero() {
		until = f.Until.UnixMicro()
	}
	var all []MethodStats
	rows, err := r.stmt[pairsSQL].QueryContext(ctx, f.Pool, f.Method)
	err = eachRow(rows, err, 2, func(values []driver.Value) error {
		s := scanner{values: values}
		all = append(all, MethodStats{Pool: s.text(), Method: s.text(), Ended: make(map[State]int64, len(terminalStates))})
		return nil
	})
	for i := range all {
		err = errors.Join(err, r.methodStats(ctx, &all[i], since, until))
	}
	if err != nil {
		return nil, fmt.Errorf("read statistics: %w", err)
	}
	return all, nil
}

func (r *Reader) methodStats(ctx context.Context, m *MethodStats, since, until int64) error {
	var sum cell
	rows, err := r.stmt[cellsSQL].QueryContext(ctx, m.Pool, m.Method, since, until)
	err = eachRow(rows, err, 11, func(values []driver.Value) error {
		before := sum.counts
		if err := sum.scan(values[1:]); err != nil {
			return &DamagedError{Path: r.path, Err: err}
		}
		hour := HourStats{}
		at, _ := values[0].(int64)
		hour.At = time.UnixMicro(at).UTC()
		for i, state := range terminalStates {
			hour.Ended += sum.counts[i] - before[i]
			if state == Failed {
				hour.Failed = sum.counts[i] - before[i]
			}
		}
		if hour.Ended > 0 {
			m.Hours = append(m.Hours, hour)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, state := range terminalStates {
		m.Ended[state] = sum.counts[i]
	}
	m.Attempts, m.Crashes = sum.attempts, sum.crashes
	m.Wait, m.Run = latency(&sum.wait, sum.waitTotal), latency(&sum.run, sum.runTotal)
	rows, err = r.stmt[openSQL].QueryContext(ctx, m.Pool, m.Method)
	return eachRow(rows, err, 2, func(values []driver.Value) error {
		s := scanner{values: values}
		if State(s.text()) == Queued {
			m.Queued = s.int()
		} else {
			m.Running = s.int()
		}
		return nil
	})
}
