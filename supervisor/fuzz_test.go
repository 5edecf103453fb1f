package supervisor

import (
	"fmt"
	"slices"
	"testing"
)

// FuzzTriggers has things happen to a worker in any order, and does what its states ask for as a model of its process would. Whatever comes, the
// worker moves along the arrows of the docs alone, starts no process beside a living one, keeps no call without one, and can always end.
func FuzzTriggers(f *testing.F) {
	all := map[trigger]byte{}
	for i, tr := range triggers {
		all[tr] = byte(i)
	}
	for _, life := range [][]trigger{
		{onFork, onReady, onStop, onFlushed, onExited},            // a drain
		{onFork, onReady, onExited, onFork, onReady, onExited},    // crashes
		{onFork, onOverdue, onExited, onFork, onFault, onExited},  // never ready
		{onFork, onReady, onAbandon, onOverdue, onKill, onExited}, // a drain that is cut short
		{onFork, onReady, onStop, onFault, onKill, onAbandon, onStop, onExited},
		{onFork, onReady, onAbandon, onStop, onAbandon, onOverdue, onStop, onFault, onAbandon, onKill, onExited},
		{onFork, onReady, onStop, onStop, onAbandon, onReady, onExited, onFork, onStop, onKill, onReady, onExited},
		{onStop, onAbandon, onKill, onExited, onReady, onFlushed, onOverdue, onFault}, // nothing that fits
		{onFork, onFork, onReady, onReady, onFlushed},
	} {
		var seed []byte
		for _, tr := range life {
			seed = append(seed, all[tr])
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, happenings []byte) {
		drawn := diagram(t)
		m := modelled{state: Created}
		for _, b := range happenings {
			tr := triggers[int(b)%len(triggers)]
			if wrong := m.happens(tr, drawn); wrong != "" {
				t.Fatal(wrong)
			}
		}
		// Wherever it stands now, a kill and the end of the process lead home.
		for _, tr := range []trigger{onKill, onExited} {
			if m.state == Created {
				break
			}
			if wrong := m.happens(tr, drawn); wrong != "" {
				t.Fatal(wrong)
			}
		}
		if m.state != Created || m.process || m.calls {
			t.Fatalf("stuck: %+v", m)
		}
	})
}

// modelled is a worker as its states make it: what process it has, and what that has been told.
type modelled struct {
	state   State
	process bool // there is one
	serves  bool // the pool was told that it takes calls
	calls   bool // it may have some
	told    bool // it has been told to end, or killed
	killed  bool
}

// happens does what a trigger asks for, and says what must not be.
func (m *modelled) happens(tr trigger, drawn map[string]bool) (wrong string) {
	from := *m
	to, effects, err := next(m.state, tr)
	fail := func(format string, args ...any) string {
		return fmt.Sprintf("%+v, %s, to %s with %v: ", from, tr, to, effects) + fmt.Sprintf(format, args...)
	}
	if edge := fmt.Sprintf("%s --> %s: %s", from.state, to, tr); drawn[edge] != (err == nil) {
		return fail("%q is in the diagram: %v, error %v", edge, drawn[edge], err)
	}
	if err != nil {
		if to != from.state || effects != nil {
			return fail("it was refused")
		}
		return ""
	}
	if tr == onExited {
		if !m.process {
			return fail("there is no process that could have ended")
		}
		m.process, m.serves, m.told, m.killed = false, false, false, false
	}
	for _, e := range effects {
		switch e {
		case spawn:
			if m.process {
				return fail("a second process")
			}
			m.process = true
		case announce:
			m.serves, m.calls = true, true // it may have been given one at once
		case putBack, settle:
			m.calls = false
		case shutdown:
			if !m.process || m.told {
				return fail("shutdown of what is not there, or was told before")
			}
			m.serves, m.told = false, true
		case kill:
			if !m.process || m.killed {
				return fail("a kill of what is not there, or has been killed")
			}
			m.serves, m.told, m.killed = false, true, true
		case report:
			if m.process || m.calls {
				return fail("the process is reported as gone")
			}
		}
	}
	if tr == onFlushed {
		m.calls = false // that is what it says
	}
	m.state = to
	switch {
	case m.process == (to == Created):
		return fail("process: %v", m.process)
	case m.calls && !slices.Contains([]State{Processing, Flushing, Destroying}, to):
		return fail("calls that nobody has")
	case (to == Processing) != m.serves && to != Flushing:
		return fail("it takes calls: %v", m.serves)
	case (to == Dying || to == Destroying) != m.told:
		return fail("it has been told to end: %v", m.told)
	case (to == Destroying) != m.killed:
		return fail("it has been killed: %v", m.killed)
	}
	return ""
}
