package supervisor

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// diagram reads the edges of the state diagram in the docs.
func diagram(t testing.TB) map[string]bool {
	t.Helper()
	page, err := os.ReadFile("../docs/worker-states.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```mermaid\n")
	text, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs/worker-states.md has no mermaid diagram")
	}
	edge := regexp.MustCompile(`^(\w+) --> (\w+): (\w+)$`)
	edges := map[string]bool{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || i == 0 || line == "[*] --> created" {
			continue
		}
		if !edge.MatchString(line) {
			t.Errorf("line %q of the diagram is no edge", line)
		}
		if edges[line] {
			t.Errorf("edge %q is in the diagram twice", line)
		}
		edges[line] = true
	}
	return edges
}

func TestTheDiagramInTheDocsHasEveryTransitionAndNoOther(t *testing.T) {
	drawn := diagram(t)
	for _, s := range states {
		for _, tr := range triggers {
			to, _, err := next(s, tr)
			if err != nil {
				continue
			}
			edge := fmt.Sprintf("%s --> %s: %s", s, to, tr)
			if !drawn[edge] {
				t.Errorf("the diagram lacks %q", edge)
			}
			delete(drawn, edge)
		}
	}
	for edge := range drawn {
		t.Errorf("the diagram has %q, which cannot happen", edge)
	}
}

func TestEveryStateMeetsEveryTriggerByMovingOrByRefusing(t *testing.T) {
	effects := []effect{spawn, announce, putBack, shutdown, kill, settle, report}
	for _, s := range states {
		for _, tr := range triggers {
			to, do, err := next(s, tr)
			_, there := machine[s][tr]
			switch {
			case !there && (err == nil || to != s || do != nil):
				t.Errorf("%s, %s: refused with state %s, effects %v, error %v", s, tr, to, do, err)
			case there && err != nil:
				t.Errorf("%s, %s: %v", s, tr, err)
			case !slices.Contains(states, to):
				t.Errorf("%s, %s: leads to %q, which is no state", s, tr, to)
			}
			for _, e := range do {
				if !slices.Contains(effects, e) {
					t.Errorf("%s, %s: effect %q is unknown", s, tr, e)
				}
			}
		}
	}
	for s, row := range machine {
		for tr := range row {
			if !slices.Contains(states, s) || !slices.Contains(triggers, tr) {
				t.Errorf("the machine has %q, %q, which the lists lack", s, tr)
			}
		}
	}
}

func TestAProcessThatEndsAlwaysLeavesItsWorkerCreatedAndReported(t *testing.T) {
	for _, s := range states {
		if s == Created {
			continue
		}
		to, do, err := next(s, onExited)
		if err != nil || to != Created || do[len(do)-1] != report {
			t.Errorf("%s: to %s with %v, error %v", s, to, do, err)
		}
	}
}

func TestCallsThatAProcessMayHaveAreSettledWhenItEnds(t *testing.T) {
	mayHaveCalls := []State{Processing, Flushing, Destroying}
	for _, s := range mayHaveCalls {
		if _, do, _ := next(s, onExited); !slices.Contains(do, settle) {
			t.Errorf("%s: calls would be lost at the process's end, effects %v", s, do)
		}
	}
	for _, s := range mayHaveCalls {
		for tr, move := range machine[s] {
			if !slices.Contains(mayHaveCalls, move.to) && tr != onFlushed &&
				!slices.Contains(move.effects, putBack) && !slices.Contains(move.effects, settle) {
				t.Errorf("%s, %s: leads to %s, which has no calls, without ending them", s, tr, move.to)
			}
		}
	}
}

func TestFromEveryStateAProcessCanBeKilledAndEveryKillIsSent(t *testing.T) {
	for _, s := range states {
		to, do, err := next(s, onKill)
		switch {
		case err != nil:
			t.Errorf("%s cannot be killed: %v", s, err)
		case s == Created && !slices.Equal(do, []effect{report}):
			t.Errorf("%s, which has no process: effects %v", s, do)
		case s != Created && to != Destroying:
			t.Errorf("%s: a kill leads to %s", s, to)
		case s != Created && s != Destroying && !slices.Contains(do, kill):
			t.Errorf("%s: becomes destroying with nothing sent, effects %v", s, do)
		}
		for tr, move := range machine[s] {
			if move.to == Destroying && s != Destroying && !slices.Contains(move.effects, kill) {
				t.Errorf("%s, %s: becomes destroying with nothing sent", s, tr)
			}
			if move.to == Dying && s != Dying && !slices.Contains(move.effects, shutdown) {
				t.Errorf("%s, %s: becomes dying with nothing sent, and nothing would follow", s, tr)
			}
		}
	}
}

func TestAWorkerThatIsToEndNeverTakesCallsAgainBeforeItsProcessIsGone(t *testing.T) {
	for _, from := range []State{Flushing, Dying, Destroying} {
		seen := map[State]bool{}
		var walk func(State)
		walk = func(s State) {
			if seen[s] || s == Created {
				return
			}
			seen[s] = true
			for _, move := range machine[s] {
				walk(move.to)
			}
		}
		walk(from)
		if seen[Processing] || seen[Forking] {
			t.Errorf("%s leads back to work without an exit: %v", from, slices.Collect(maps.Keys(seen)))
		}
	}
}

func TestAbandoningIsUnderstoodInEveryStateAndStoppingToo(t *testing.T) {
	for _, s := range states {
		for _, tr := range []trigger{onStop, onAbandon, onKill} {
			if _, _, err := next(s, tr); err != nil {
				t.Errorf("the pool may say it to any worker: %v", err)
			}
		}
	}
}
