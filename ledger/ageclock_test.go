package ledger

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAClockThatJumpsForwardMakesNoJobOld(t *testing.T) {
	c := ageClock{noon}
	for name, k := range map[string]struct {
		wall   time.Time
		passed time.Duration
		want   time.Time
	}{
		"time passes":       {noon.Add(time.Hour), time.Hour, noon.Add(time.Hour)},
		"it jumps forward":  {noon.AddDate(0, 3, 0), time.Hour, noon.Add(time.Hour)},
		"it jumps back":     {noon.Add(-time.Hour), time.Hour, noon.Add(-time.Hour)},
		"the machine slept": {noon.Add(8 * time.Hour), time.Hour, noon.Add(time.Hour)},
	} {
		if got := c.at(k.wall, k.passed); !got.Equal(k.want) {
			t.Errorf("%s: %v, want %v", name, got, k.want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		c := ageClock{time.Now()}
		time.Sleep(time.Hour)
		if got := c.now(); !got.Equal(time.Now()) {
			t.Errorf("after an hour it is %v, want %v", got, time.Now())
		}
	})
}
