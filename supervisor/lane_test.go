package supervisor

import (
	"testing"

	"github.com/whipper-sidecar/whipper/ledger"
)

func TestWhoStandsInALaneGoesBeforeWhoDoesNot(t *testing.T) {
	name := ledger.KeyLane("a")
	stranger, invoke := &call{job: ledger.Job{ID: 1}}, &call{job: ledger.Job{ID: 2}, caller: &caller{}}
	standing := &call{job: ledger.Job{ID: 3}, lane: name}
	for _, c := range []struct {
		what                       string
		lane                       lane
		stranger, invoke, standing bool
	}{
		{"nobody is there", lane{most: 1}, true, true, true},
		{"it is full", lane{most: 1, running: 1}, false, false, false},
		{"jobs stand in it", lane{most: 2, running: 1, parked: true}, false, true, true},
		{"it is kept for one of them", lane{most: 1, parked: true, keptFor: 3}, false, false, true},
		{"it is kept for another", lane{most: 1, parked: true, keptFor: 4}, false, false, false},
		{"it has no limit any more", lane{parked: true, running: 9}, true, true, true},
		{"it is paused", lane{paused: true}, false, false, false},
	} {
		c.lane.name = name
		if s, i, o := c.lane.admits(stranger), c.lane.admits(invoke), c.lane.admits(standing); s != c.stranger || i != c.invoke || o != c.standing {
			t.Errorf("%s: a job that has just come %v, an invoke %v, a job that stands in it %v", c.what, s, i, o)
		}
	}
}
