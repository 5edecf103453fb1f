package supervisor

import "time"

// setback notices that the system's clock is put back, by the machine's steady one. The zero value has seen no time yet.
type setback struct {
	wall   time.Time // of the system's clock when it was last looked at
	steady time.Time // the same moment by the steady one
	undone bool      // it was put back, and whoever asked has not cleared this since
}

// happened says whether the clock was put back, by more than clocks are corrected in passing, since undone was cleared last.
func (s *setback) happened(now time.Time) bool {
	wall := now.Round(0)
	if !s.wall.IsZero() && now.Sub(s.steady)-wall.Sub(s.wall) > time.Second {
		s.undone = true
	}
	s.wall, s.steady = wall, now
	return s.undone
}
