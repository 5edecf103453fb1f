package main

import (
	"slices"
	"strings"

	"github.com/whipper-sidecar/whipper/ledger"
)

// jobStates are all states, in the order of a job's life.
var jobStates = []ledger.State{ledger.Queued, ledger.Running, ledger.Succeeded, ledger.Failed, ledger.Cancelled, ledger.Dropped}

// parseStates reads the values of --state: names of states, with commas between them if there are several.
func parseStates(names []string) ([]ledger.State, error) {
	var states []ledger.State
	var known []string
	for _, s := range jobStates {
		known = append(known, string(s))
	}
	for _, name := range strings.Split(strings.Join(names, ","), ",") {
		if name == "" {
			continue
		}
		if !slices.Contains(jobStates, ledger.State(name)) {
			return nil, misuse(didYouMean(name, known, "the states are queued, running, succeeded, failed, cancelled and dropped"), "--state: there is no state %q", name)
		}
		states = append(states, ledger.State(name))
	}
	return states, nil
}
