// Package cron reads cron expressions and tells the times that they name in a time zone. It is pure: it knows no clock and
// starts no goroutine.
//
// The fields are parsed and matched by github.com/robfig/cron/v3. Its own are the errors, which name the field at fault, the
// grid of "@every", and what becomes of times that do not exist or come twice where clocks change.
package cron

import (
	"fmt"
	"sort"
	"strings"
	"time"

	_ "time/tzdata" // zones are known on machines without a database of them

	"github.com/robfig/cron/v3"
)

// Expr is a cron expression in a time zone. It is immutable, and safe for concurrent use. Use Parse.
type Expr struct {
	zone *time.Location
	spec *cron.SpecSchedule // in UTC, where every wall clock time exists once; nil: every is set
	// always says that the hour is any hour: such runs follow the time that passes and not the hands of the clock.
	always bool
	every  time.Duration
}

// named are the expressions that have names.
var named = map[string]string{
	"@yearly":   "0 0 1 1 *",
	"@annually": "0 0 1 1 *",
	"@monthly":  "0 0 1 * *",
	"@weekly":   "0 0 * * 0",
	"@daily":    "0 0 * * *",
	"@midnight": "0 0 * * *",
	"@hourly":   "0 * * * *",
}

// Parse reads an expression: 5 fields (minute, hour, day of month, month, day of week), 6 with the second in front, a name
// as @hourly, or @every and a duration. zone is an IANA name; "" means UTC. The error is a *SpecError or a *ZoneError.
func Parse(spec, zone string) (*Expr, error) {
	location, err := parseZone(zone)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSpace(spec)
	if rest, ok := strings.CutPrefix(text, "@every"); ok {
		every, fault := parseEvery(strings.TrimSpace(rest))
		if fault != "" {
			return nil, &SpecError{Spec: spec, Fault: fault}
		}
		return &Expr{zone: location, every: every}, nil
	}
	fields := text
	if strings.HasPrefix(text, "@") {
		if fields = named[strings.ToLower(text)]; fields == "" {
			return nil, &SpecError{Spec: spec, Fault: fmt.Sprintf("there is no %s: the names are @yearly, @monthly, @weekly, @daily, @hourly and @every DURATION", text)}
		}
	}
	parsed, fault := parseFields(fields)
	if fault != "" {
		return nil, &SpecError{Spec: spec, Fault: fault}
	}
	return &Expr{zone: location, spec: parsed, always: parsed.Hour&allHours == allHours}, nil
}

// allHours are the bits of the hours 0 to 23.
const allHours = 1<<24 - 1

// First is the first time after now for a schedule that begins now; zero: never.
func (e *Expr) First(now time.Time) time.Time {
	if e.spec == nil {
		return now.Truncate(time.Second).Add(e.every)
	}
	return e.next(now)
}

// After is the first time after now. at is one of the expression's times and not after now: "@every" goes on from it in
// steps of its duration. Zero: never.
func (e *Expr) After(at, now time.Time) time.Time {
	if e.spec == nil {
		return at.Add((now.Sub(at)/e.every + 1) * e.every)
	}
	return e.next(now)
}

// Latest is the last of the expression's times that is not after now. at is one of them and not after now.
func (e *Expr) Latest(at, now time.Time) time.Time {
	if e.spec == nil {
		return at.Add(now.Sub(at) / e.every * e.every)
	}
	// The times rise, so whether there is another one between some moment and now is true up to a point and false from there.
	seconds := int(now.Sub(at) / time.Second)
	i := sort.Search(seconds, func(i int) bool {
		t := e.next(at.Add(time.Duration(i) * time.Second))
		return t.IsZero() || t.After(now)
	})
	if i == 0 {
		return at
	}
	return e.next(at.Add(time.Duration(i-1) * time.Second))
}
