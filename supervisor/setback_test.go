package supervisor

import (
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

func TestASetbackIsToldFromTimeThatPasses(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		s    setback
		want bool
	}{
		"nothing was seen":        {setback{}, false},
		"time passes":             {setback{wall: now.Round(0).Add(-time.Hour), steady: now.Add(-time.Hour)}, false},
		"the clock jumps forward": {setback{wall: now.Round(0).Add(-2 * time.Hour), steady: now.Add(-time.Hour)}, false},
		"it is corrected":         {setback{wall: now.Round(0).Add(500 * time.Millisecond), steady: now}, false},
		"it is put back":          {setback{wall: now.Round(0).Add(time.Minute), steady: now.Add(-time.Hour)}, true},
	} {
		if got := c.s.happened(now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if got := c.s.happened(time.Now()); got != c.want {
			t.Errorf("%s: asked again before anything was done about it: %v", name, got)
		}
		c.s.undone = false
		if c.s.happened(time.Now()) {
			t.Errorf("%s: it is told twice", name)
		}
	}
}

func TestJobsDoNotWaitForAClockThatWasPutBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	ahead := time.Now().Add(time.Hour) // what the clock said until just now
	r.pool.setback = setback{wall: ahead.Round(0), steady: time.Now()}
	due := r.submit("echo", `[1]`, func(j *ledger.Job) { j.CreatedAt, j.RunAt = ahead, ahead })
	later := r.submit("echo", `[2]`, func(j *ledger.Job) { j.CreatedAt, j.RunAt = ahead, ahead.Add(time.Minute) })
	r.run().ready()
	if job, _ := r.wait(due); job.State != ledger.Succeeded || job.Wait() < 0 {
		t.Errorf("%+v", job)
	}
	if job, _ := r.get(later); job.State != ledger.Queued || !job.RunAt.Equal(ahead.Add(time.Minute).Truncate(time.Microsecond)) {
		t.Errorf("%+v", job)
	}
}
