package main

import "testing"

func TestTheBarOfAnyBatchMovesInManyStepsAndRequestsStaySmall(t *testing.T) {
	for jobs, want := range map[int]int{0: 1, 1: 1, 20: 1, 300: 6, 5000: 100, 20_000: 100} {
		if got := perRequest(jobs); got != want {
			t.Errorf("%d jobs are waited for %d at a time, want %d", jobs, got, want)
		}
	}
}
