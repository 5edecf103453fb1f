package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// noon is when all happens in these tests.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }

// sound is a round in which nothing is wrong: job 1 failed once and succeeded then, 2 failed at most once, 3 is a call that succeeded, 4 was
// refused, 5 was cancelled before it ran.
func sound() *findings {
	raw := func(v any) json.RawMessage {
		text, _ := json.Marshal(v)
		return text
	}
	job := func(id int64, name, state string) row {
		return row{
			ID: id, Pool: "p", Method: "effect", State: state, MaxAttempts: 3, Delivery: "at-least-once", Origin: "submit", CreatedAt: at(0),
			FinishedAt: at(100), Params: raw([]any{name, 1}),
		}
	}
	asked := func(id int64, name, do string, o outcome) *deed {
		return &deed{
			Name: name, Client: "go", Do: do, Pool: "p", Method: "effect", Delivery: "at-least-once", MaxAttempts: 3, Asked: at(0), Told: at(1), Outcome: o, ID: id,
		}
	}
	one, two, three, five := job(1, "one", "succeeded"), job(2, "two", "failed"), job(3, "three", "succeeded"), job(5, "five", "cancelled")
	one.Attempt, one.Runs, one.Result = 2, 2, raw(proof{"one", 1, "b"})
	one.Attempts = []attempt{{1, "error", 7, at(10), at(20)}, {2, "succeeded", 8, at(50), at(100)}}
	two.Attempt, two.Runs, two.Delivery, two.Attempts = 1, 1, "at-most-once", []attempt{{1, "crashed", 7, at(30), at(100)}}
	three.Attempt, three.Runs, three.Origin, three.Result = 1, 1, "invoke", raw(proof{"three", 3, "d"})
	three.Attempts = []attempt{{1, "succeeded", 8, at(10), at(20)}}
	f := &findings{
		deeds: map[string]*deed{
			"one": asked(1, "one", "submit", acknowledged), "two": asked(2, "two", "submit", acknowledged), "three": asked(3, "three", "invoke", succeeded),
			"four": asked(0, "four", "submit", refused), "five": asked(5, "five", "submit", acknowledged),
		},
		states: map[int64]string{1: "succeeded"}, retried: map[int64]int{},
		rows: []row{one, two, three, five},
		effects: []effect{
			{"one", 1, 1, "a", 7, at(11).UnixNano()},
			{"one", 1, 2, "b", 8, at(51).UnixNano()},
			{"two", 2, 1, "c", 7, at(31).UnixNano()},
			{"three", 3, 1, "d", 8, at(11).UnixNano()},
		},
		final:     map[int64][]string{1: {"succeeded"}, 2: {"failed"}, 3: {"succeeded"}, 5: {"cancelled"}},
		allTold:   true,
		unwritten: func(time.Time) bool { return false },
	}
	f.deeds["two"].Delivery, f.deeds["three"].Token = "at-most-once", "d"
	return f
}

func (f *findings) violations() (all []string) {
	f.check(func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) })
	return all
}

func TestARoundInWhichNothingIsWrongHasNoViolation(t *testing.T) {
	if v := sound().violations(); len(v) > 0 {
		t.Errorf("%d violations: %s", len(v), strings.Join(v, "\n"))
	}
}

func TestEachContradictionIsAViolation(t *testing.T) {
	again := func(name string, job int64, token string, pid, ms int) effect {
		return effect{name, job, 1, token, pid, at(ms).UnixNano()}
	}
	for name, c := range map[string]struct {
		do   func(f *findings)
		want string
	}{
		"acknowledged, and not there": {func(f *findings) { f.rows = f.rows[:3] }, "job 5, five, was acknowledged at 12:00:00.001 and is not in the ledger"},
		"acknowledged, and another":   {func(f *findings) { f.deeds["five"].ID = 6 }, "in the ledger five is job 5"},
		"there twice":                 {func(f *findings) { f.rows = append(f.rows, f.rows[3]); f.rows[4].ID = 9 }, "there are jobs 5 and 9 of it"},
		"not ended":                   {func(f *findings) { f.rows[1].State = "running" }, "it has not ended"},
		"asked for by nobody":         {func(f *findings) { delete(f.deeds, "five") }, "was asked for by nobody"},
		"not what was asked for":      {func(f *findings) { f.rows[3].Method = "fail" }, "is not what was asked for"},
		"refused, and there":          {func(f *findings) { f.deeds["five"].Outcome = refused }, "five was refused (), and is job 5"},
		"refused, and run":            {func(f *findings) { f.effects = append(f.effects, again("four", 4, "x", 7, 10)) }, "four was refused (), and run as job 4"},
		"run without a job":           {func(f *findings) { f.effects[0].Job = 77 }, "was run as job 77"},
		"run again after success":     {func(f *findings) { f.effects = append(f.effects, again("one", 1, "x", 8, 150)) }, "succeeded at 12:00:00.100 by a run of 12:00:00.051, and was run again at 12:00:00.150"},
		"excused by a kill, but after success": {func(f *findings) {
			f.effects, f.unwritten = append(f.effects, again("one", 1, "x", 8, 150)), func(time.Time) bool { return true }
		}, "was run again"},
		"excused by a kill, but after its end": {func(f *findings) {
			f.effects, f.unwritten = append(f.effects, again("five", 5, "x", 8, 150)), func(time.Time) bool { return true }
		}, "ended at 12:00:00.100 as cancelled, and was run at 12:00:00.150"},
		"run as another":           {func(f *findings) { f.effects[0].Task = "two" }, "job 1 is one, and two was run under its id"},
		"a run that is told twice": {func(f *findings) { f.effects = append(f.effects, f.effects[0]) }, "run a of job 1 is in the effects twice"},
		"run for nobody":           {func(f *findings) { f.effects = append(f.effects, again("six", 6, "x", 7, 10)) }, "six was asked for by nobody, and run as job 6"},
		"two successes":            {func(f *findings) { f.rows[0].Attempts[0].Outcome = "succeeded" }, "its successes do not fit its state"},
		"a success that is lost":   {func(f *findings) { f.rows[0].State = "failed" }, "its successes do not fit its state"},
		"an attempt after a success": {func(f *findings) {
			f.rows[0].Attempts[0].Outcome, f.rows[0].Attempts[1].Outcome = "succeeded", "error"
		}, "it was run after a success"},
		"two attempts of a number": {func(f *findings) { f.rows[0].Attempts[1].Attempt = 1 }, "job 1, one, has two attempts 1"},
		"an attempt too many":      {func(f *findings) { f.rows[0].Runs = 3 }, "its attempts do not add up"},
		"more charged than may":    {func(f *findings) { f.rows[0].MaxAttempts, f.deeds["one"].MaxAttempts = 1, 1 }, "more attempts than it may"},
		"not charged":              {func(f *findings) { f.rows[0].Attempt = 1 }, "were not charged"},
		"a run without a record":   {func(f *findings) { f.effects = append(f.effects, again("one", 1, "x", 9, 40)) }, "is not among its attempts"},
		"at most once, and twice":  {func(f *findings) { f.effects = append(f.effects, again("two", 2, "x", 9, 60)) }, "at most once, was run at 12:00:00.060"},
		"a call, twice": {func(f *findings) {
			f.effects, f.unwritten = append(f.effects, again("three", 3, "x", 9, 15)), func(time.Time) bool { return true }
		}, "was run 2 times"},
		"at most once, and twice on record": {func(f *findings) {
			f.effects = append(f.effects, again("two", 2, "x", 9, 60))
			f.rows[1].Attempts = append(f.rows[1].Attempts, attempt{2, "crashed", 9, at(59), at(100)})
			f.rows[1].Runs = 2
		}, "job 2, two (at-most-once, submit), retried by command 0 times at most, was run 2 times"},
		"a success without an effect": {func(f *findings) { f.effects = append(f.effects[:1], f.effects[2:]...) }, "which has left no effect"},
		"another's result":            {func(f *findings) { f.rows[0].Result = f.rows[2].Result }, "a result that is not its own"},
		"another process's result":    {func(f *findings) { f.effects[1].PID = 9 }, "its result is of process 9"},
		"a lie":                       {func(f *findings) { f.rows[0].Result = json.RawMessage(`"a lie"`) }, "a result that is not its own"},
		"a call's result":             {func(f *findings) { f.deeds["three"].Token = "x" }, "its caller got that of run x"},
		"a call that is lost":         {func(f *findings) { f.rows = append(f.rows[:2], f.rows[3]) }, "call 3, three, was answered at 12:00:00.001"},
		"a call's id":                 {func(f *findings) { f.deeds["three"].ID = 7 }, "call three was answered as job 7, and is job 3"},
		"a call, run and not there": {func(f *findings) {
			f.deeds["three"].Outcome, f.rows = unknown, append(f.rows[:2], f.rows[3])
		}, "call three was run as job 3 at 12:00:00.011, which is not in the ledger"},
		"a call's state":           {func(f *findings) { f.deeds["three"].Outcome = failed }, "its caller was told at 12:00:00.001 that it failed"},
		"an event":                 {func(f *findings) { f.final[1] = []string{"failed"} }, "job 1 is succeeded, and the events told that it was failed"},
		"an event that is missing": {func(f *findings) { delete(f.final, 2) }, "job 2 is failed, and no event told so"},
		"two ends":                 {func(f *findings) { f.final[5] = []string{"cancelled", "cancelled"} }, "ended 2 times by the events"},
		"a wait":                   {func(f *findings) { f.states[2] = "succeeded" }, "who waited was told that it was succeeded"},
		"a wait for nothing":       {func(f *findings) { f.states[9] = "failed" }, "job 9 was failed, as who waited was told, and is not in the ledger"},
		"a schedule without a job": {func(f *findings) {
			f.deeds["each"] = &deed{Name: "each", Do: "schedule", Outcome: acknowledged, Told: at(0)}
			f.deeds["one"].Told = at(0).Add(scheduled + time.Second)
		}, "schedules were put from 12:00:00.000 on, and until 12:00:21.000 none had a job"},
		"one key at once": {func(f *findings) {
			for _, i := range []int{0, 1} {
				f.rows[i].ConcurrencyKey = "k"
			}
			f.deeds["one"].ConcurrencyKey, f.deeds["two"].ConcurrencyKey = "k", "k"
		}, "ran at once"},
	} {
		t.Run(name, func(t *testing.T) {
			f := sound()
			c.do(f)
			if v := strings.Join(f.violations(), "\n"); !strings.Contains(v, c.want) {
				t.Errorf("the violations are\n%s\nand not %q", v, c.want)
			}
		})
	}
}

func TestWhatASigkillExcusesIsNoViolation(t *testing.T) {
	f := sound()
	f.unwritten = func(time.Time) bool { return true }
	f.rows = append(f.rows[:2], f.rows[3])                                            // the call's row
	f.effects = append(f.effects, effect{"one", 1, 1, "x", 9, at(40).UnixNano()})     // a run whose start was not on disk
	f.deeds["nobody"] = &deed{Name: "nobody", Do: babbled, Outcome: unknown}          // and a call that nobody waited for
	f.effects = append(f.effects, effect{"nobody", 88, 1, "y", 9, at(60).UnixNano()}) //
	if v := f.violations(); len(v) > 0 {
		t.Errorf("%d violations: %s", len(v), strings.Join(v, "\n"))
	}
}
