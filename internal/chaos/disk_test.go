package main

import (
	"testing"
	"time"
)

func TestARunIsExcusedOnlyShortlyBeforeAKillOrADiskThatWasFullUntilThen(t *testing.T) {
	second := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
	s := &stage{
		disk:   &disk{filled: []span{{second(10), second(11)}, {second(40), second(41)}, {second(45), second(46)}}},
		deaths: []death{{second(0), second(30), second(32)}, {second(33), second(50), second(51)}},
	}
	for at, want := range map[int]bool{
		-1: false, 8: false, 24: false, // the disk was free again long before the kill
		26: true, 31: true, 32: false,
		34: false, 36: true, 42: true, 50: true, 51: false, // from the 40th second to the kill nothing may have been written
	} {
		if got := s.unwritten(second(at)); got != want {
			t.Errorf("what was done in second %d may be unwritten: %t", at, got)
		}
	}
}
