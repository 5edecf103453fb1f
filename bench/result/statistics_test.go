package result

import (
	"testing"
	"time"
)

func TestTheMedianIsInTheMiddle(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1, 4}, 4},
		{[]float64{8, 1, 2, 4}, 3},
	} {
		if got := Median(test.values); got != test.want {
			t.Errorf("the median of %v is %v, want %v", test.values, got, test.want)
		}
	}
}

func TestAQuantileIsTheNearestRank(t *testing.T) {
	var times []time.Duration
	for i := 200; i > 0; i-- {
		times = append(times, time.Duration(i)*time.Millisecond)
	}
	for share, want := range map[float64]float64{0: 0.001, 0.5: 0.1, 0.99: 0.198, 1: 0.2} {
		if got := Quantile(times, share); got != want {
			t.Errorf("the quantile %v is %v, want %v", share, got, want)
		}
	}
}

func TestFiguresAreTextWithTheirUnit(t *testing.T) {
	for _, test := range []struct {
		figure Figure
		value  float64
		want   string
	}{
		{Rate, 23809.4, "23,809/s"},
		{Throughput, 3 << 20, "3.0 MiB/s"},
		{Memory, 25 << 20, "25 MiB"},
		{P50, 0.000123456, "123µs"},
		{Took, 0.0999, "99.9ms"},
		{Took, 1.2345, "1.23s"},
		{Took, 0, "0s"},
		{Busy, 0.0005, "0.05 %"},
		{WakeUps, 2.04, "2.0/s"},
	} {
		if got := test.figure.Text(test.value); got != test.want {
			t.Errorf("%s of %v is %q, want %q", test.figure, test.value, got, test.want)
		}
	}
}
