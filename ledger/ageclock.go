package ledger

import "time"

// ageClock tells how old jobs are. Unlike the system's clock it cannot jump forward, after which all history would be too old at once:
// from where that stood when the clock was made, no more time has passed on it than on the machine's steady one. Where the system's clock
// is behind, it is that.
type ageClock struct{ start time.Time }

func (c ageClock) now() time.Time {
	now := time.Now()
	return c.at(now, now.Sub(c.start)) // by the steady clock
}

// at is the time when the system's clock says wall and so much has passed on the steady one.
func (c ageClock) at(wall time.Time, passed time.Duration) time.Time {
	return earlier(c.start.Round(0).Add(passed), wall.Round(0))
}
