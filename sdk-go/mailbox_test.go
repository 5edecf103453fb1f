package whipper

import "testing"

func TestWhatIsDroppedTakesItsOwnLossesAlong(t *testing.T) {
	m := newMailbox[*Event](2)
	m.told = func(e *Event) int64 { return e.Lost }
	for _, lost := range []int64{0, 5, 0, 0} {
		m.put(&Event{Lost: lost})
	}
	if events, lost := m.take(); len(events) != 2 || lost != 7 {
		t.Errorf("%d events, %d lost", len(events), lost)
	}
}
