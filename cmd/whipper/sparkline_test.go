package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

func TestASparklineTellsNothingFromLittle(t *testing.T) {
	for _, test := range []struct {
		values []int64
		want   string
	}{
		{nil, ""},
		{[]int64{0, 0}, "▁▁"},
		{[]int64{0, 1, 1_000_000}, "▁▂█"},
		{[]int64{7, 14, 0, 7}, "▅█▁▅"},
		{[]int64{1}, "█"},
		{[]int64{1 << 59}, "█"},
	} {
		if got := sparkline(test.values); got != test.want {
			t.Errorf("%v: %s, want %s", test.values, got, test.want)
		}
	}
}

func TestThroughputIsCountedInAtMostSoManyParts(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	m := &ledger.MethodStats{Hours: []ledger.HourStats{{At: at, Ended: 1}, {At: at.Add(time.Hour), Ended: 2}, {At: at.Add(24 * time.Hour), Ended: 4}}}
	for _, test := range []struct {
		period time.Duration
		want   []int64
	}{
		{90 * time.Minute, []int64{1, 2}},
		{26 * time.Hour, []int64{3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4}},
		{240 * time.Hour, []int64{3, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
	} {
		got := throughput(m, ledger.StatsFilter{Since: at, Until: at.Add(test.period)}, sparkWidth)
		if fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%v: %v, want %v", test.period, got, test.want)
		}
	}
}
