package main

import (
	"testing"
	"time"
)

func TestMomentIsATimeOrWhereAllowedADurationFromNow(t *testing.T) {
	want := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var m moment
	if err := m.Set("2026-01-02T03:04:05Z"); err != nil || !m.Equal(want) {
		t.Errorf("got %v (%v)", m, err)
	}
	if err := m.Set("2026-01-02 03:04"); err != nil || !m.Equal(time.Date(2026, 1, 2, 3, 4, 0, 0, time.Local)) {
		t.Errorf("got %v (%v)", m, err)
	}
	if err := m.Set("2h"); err == nil {
		t.Error("a time to come is accepted as a duration back")
	}
	m.near = -1
	if err := m.Set("2h"); err != nil || time.Since(m.Time).Round(time.Minute) != 2*time.Hour {
		t.Errorf("2h back is %v (%v)", m, err)
	}
	m.near = 1
	if err := m.Set("2h"); err != nil || time.Until(m.Time).Round(time.Minute) != 2*time.Hour {
		t.Errorf("in 2h is %v (%v)", m, err)
	}
}
