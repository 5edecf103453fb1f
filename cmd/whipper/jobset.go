package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/ledger"
)

// jobSet is the jobs that a change is for: ids, or a filter with States.
type jobSet struct {
	ids         []int64
	filter      ledger.Filter
	endedBefore time.Time // zero: at any time; only for prune
}

// meant is the jobs that the command line names. Flags from the environment alone never mean all the jobs that they select.
func (ch *jobChange) meant(c *console, cc *cli.Context) (set jobSet, err error) {
	if set.ids, err = jobIDs(cc.Args().Slice()); err != nil {
		return set, err
	}
	given := slices.ContainsFunc(ch.selecting(), func(f cli.Flag) bool { return c.line.given[f.Names()[0]] })
	all := c.line.given["all"] && cc.Bool("all")
	switch {
	case len(set.ids) > 0 && (given || all):
		return set, misuse("give ids, or flags that select jobs", "%s takes ids or flags that select jobs, not both", ch.name)
	case len(set.ids) > 0:
		set.ids = slices.Compact(slices.Sorted(slices.Values(set.ids)))
		return set, nil
	case all && given:
		return set, misuse("give one of them", "--all and flags that select jobs cannot be combined")
	case !given && !all:
		return set, misuse("whipper ledger "+ch.name+" 1 2, or --method resize, or --all", "%s needs ids of jobs, or flags that select some", ch.name)
	}
	if set.filter, err = jobFilter(cc); err != nil {
		return set, err
	}
	for _, s := range set.filter.States {
		if !slices.Contains(ch.states, s) {
			return set, misuse("it is for jobs that are "+statesText(ch.states), "--state: jobs that are %s cannot be %s", s, ch.done)
		}
	}
	if set.filter.States == nil {
		set.filter.States = ch.states
	}
	if ch.forGood && durationOf(cc, "older-than") > 0 {
		set.endedBefore = time.Now().Add(-durationOf(cc, "older-than"))
	}
	return set, nil
}

// pruneFilter is the set's filter as a prune has it.
func (set *jobSet) pruneFilter() ledger.PruneFilter {
	f := &set.filter
	return ledger.PruneFilter{
		Pool: f.Pool, Method: f.Method, States: f.States, Since: f.Since, Until: f.Until, EndedBefore: set.endedBefore,
		LabelName: f.LabelName, LabelValue: f.LabelValue, Grep: f.Grep,
	}
}

// preview counts the jobs that will be changed. Those given by id that will not leave the set, and passed has a line about each.
func (ch *jobChange) preview(ctx context.Context, r *ledger.Reader, set *jobSet) (found int64, passed []string, err error) {
	switch {
	case set.ids != nil:
		return ch.previewIDs(ctx, r, set)
	case ch.forGood:
		n, err := r.Prunable(ctx, set.pruneFilter()) // which the tally may know
		return int64(n), nil, err
	}
	found, err = r.Count(ctx, set.filter)
	return found, nil, err
}

func (ch *jobChange) previewIDs(ctx context.Context, r *ledger.Reader, set *jobSet) (found int64, passed []string, err error) {
	states, err := r.States(ctx, set.ids)
	if err != nil {
		return 0, nil, err
	}
	var ids []int64
	for _, id := range set.ids {
		state, ok := states[id]
		switch {
		case !ok:
			return 0, nil, &failure{Err: &ledger.NotFoundError{ID: id}, Code: exitFailed, Hint: "nothing was changed; whipper ledger lists the ids"}
		case slices.Contains(ch.states, state):
			ids = append(ids, id)
		default:
			passed = append(passed, fmt.Sprintf("job %d was not %s: its state is %s", id, ch.done, state))
		}
	}
	if ch.forGood && len(passed) > 0 {
		return 0, nil, &failure{Err: errors.New(strings.Join(passed, "\n")), Code: exitFailed, Hint: "none was; " + ch.name + " is for jobs that are " + statesText(ch.states)}
	}
	set.ids = ids
	return int64(len(ids)), passed, nil
}
