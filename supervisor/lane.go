package supervisor

import (
	"github.com/whipper-sidecar/whipper/ledger"
)

// lane is a way to the workers that only so many calls may be on at once: that of a method with a limit or a pause, or that of a
// concurrency key. Jobs that may not be let in stand aside on disk, see ledger.Lane; invokes wait here. The pool's lock guards it.
type lane struct {
	name    ledger.Lane
	most    int  // calls at once; 0: any number
	paused  bool // none
	running int  // calls that were let in and that a worker may still be at
	waiting queue
	turn    bool // an invoke's, when jobs and invokes both wait

	parked  bool  // jobs may stand in it on disk
	parking int   // jobs on their way there
	landed  bool  // jobs have come to stand there since its last read began
	due     bool  // it is to be read
	keptFor int64 // a key's: the job that is next and waits for keptBy; 0: none
	keptBy  *lane // a method's
}

// room is how many more calls may be let in, at most limit.
func (l *lane) room(limit int) int {
	switch {
	case l.paused:
		return 0
	case l.most == 0:
		return limit
	}
	return min(limit, max(0, l.most-l.running))
}

// admits says whether a call may be let in now. Jobs that stand in the lane go before those that have not.
func (l *lane) admits(c *call) bool {
	switch {
	case l.room(1) == 0:
		return false
	case l.most == 0:
		return true
	case l.keptFor != 0:
		return l.keptFor == c.job.ID
	}
	return c.caller != nil || c.lane == l.name || !l.parked
}

// idle says whether nothing would be lost if the lane were forgotten.
func (l *lane) idle() bool {
	return l.running == 0 && l.waiting.Len() == 0 && !l.parked && l.parking == 0 && !l.due && l.keptFor == 0 && !l.paused
}
