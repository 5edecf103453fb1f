package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/whipper-sidecar/whipper/ledger"
)

// Rules of retention that are words.
const (
	keepAll     = "none"    // no rule at all
	keepForever = "forever" // of a state: no age is too old
	ruleCount   = "count"
	ruleSize    = "size"
)

// Limits of rules.
const (
	leastAge      = time.Second
	leastKeepSize = 16 << 20
)

// Retention is a list of rules for what the ledger keeps of jobs that are final. There is none by default, which stands for
// ledger.DefaultRetention. Its flag may be repeated.
type Retention struct{ Items *[]string }

// Set implements Value: it adds a rule, which must go with those before it.
func (r *Retention) Set(s string) error {
	items := append(slices.Clone(*r.Items), s)
	if _, err := ParseRetention(items); err != nil {
		return err
	}
	*r.Items = items
	return nil
}

// String implements Value.
func (r *Retention) String() string { return strings.Join(*r.Items, ", ") }

// Reset implements Value.
func (r *Retention) Reset() { *r.Items = nil }

// finalStates are those that a rule may name.
var finalStates = []ledger.State{ledger.Succeeded, ledger.Failed, ledger.Cancelled, ledger.Dropped}

// ParseRetention reads rules: 30d, failed=90d, dropped=forever, count=1000000, size=2GiB, or none alone. An age without a state is for
// all states that no other rule names; states that no rule is for keep their defaults.
func ParseRetention(rules []string) (ledger.Retention, error) {
	r := ledger.DefaultRetention()
	if slices.Contains(rules, keepAll) {
		if len(rules) > 1 {
			return r, errors.New("none keeps everything, so no other rule goes with it")
		}
		return ledger.Retention{}, nil
	}
	var all *time.Duration
	ages := map[ledger.State]time.Duration{}
	seen := map[string]bool{}
	for _, rule := range rules {
		name, value, named := strings.Cut(rule, "=")
		if !named {
			name, value = "", rule
		}
		if seen[name] {
			return r, twice(name)
		}
		seen[name] = true
		var err error
		switch {
		case name == ruleCount:
			r.Count, err = keepCount(value)
		case name == ruleSize:
			r.Bytes, err = keepSize(value)
		case !named:
			var age time.Duration
			age, err = keepAge(value)
			all = &age
		case slices.Contains(finalStates, ledger.State(name)):
			ages[ledger.State(name)], err = keepAge(value)
		default:
			return r, unknownRule(name)
		}
		if err != nil {
			return r, err
		}
	}
	for _, state := range finalStates {
		if age, ok := ages[state]; ok {
			r.Age[state] = age
		} else if all != nil {
			r.Age[state] = *all
		}
	}
	return r, nil
}

func twice(name string) error {
	if name == "" {
		return errors.New("a second rule for all states: name the state, as in failed=90d")
	}
	return fmt.Errorf("a second rule for %s", name)
}

func unknownRule(name string) error {
	names := []string{ruleCount, ruleSize}
	for _, state := range finalStates {
		names = append(names, string(state))
	}
	if near := Nearest(name, names); near != "" {
		return fmt.Errorf("there is no rule for %q: did you mean %s?", name, near)
	}
	return fmt.Errorf("there is no rule for %q: it must be one of succeeded, failed, cancelled, dropped, count, size", name)
}

// keepAge reads an age; 0 stands for forever.
func keepAge(s string) (time.Duration, error) {
	if s == keepForever {
		return 0, nil
	}
	age, err := ParseDuration(s)
	switch {
	case err != nil && strings.ContainsAny(s, "0123456789"):
		return 0, err
	case err != nil:
		return 0, errors.New("not a rule: write it as 30d, failed=90d, dropped=forever, count=1000000, size=2GiB or none")
	case age < leastAge:
		return 0, errors.New("less than a second: whoever waits for a job must have the time to read its result")
	}
	return age, nil
}

func keepCount(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, errors.New("a count must be a whole number from 1 up")
	}
	return n, nil
}

func keepSize(s string) (int64, error) {
	n, err := humanize.ParseBytes(s)
	if err != nil || n < leastKeepSize || n > 1<<62 {
		return 0, errors.New("a size must be 16MiB or more: write it as 512MiB, 2GiB or a number of bytes")
	}
	return int64(n), nil
}
