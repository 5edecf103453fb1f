package main

import (
	"fmt"
	"testing"
)

// truth is what the statistics must be of the sound round.
func truth() []statistics {
	return []statistics{{Pool: "p", Method: "effect", tally: tally{Succeeded: 2, Failed: 1, Cancelled: 1, Attempts: 4, Crashes: 1}}}
}

func wrong(t totals, all []statistics) (n int) {
	t.check(all, func(string, ...any) { n++ })
	return n
}

func TestStatisticsAreHeldAgainstWhatThereWas(t *testing.T) {
	sums := totals{}
	sums.add(sound())
	if n := wrong(sums, truth()); n > 0 {
		t.Errorf("%d violations of what is true", n)
	}
	for i, change := range []func(s *statistics){
		func(s *statistics) { s.Succeeded++ }, func(s *statistics) { s.Failed-- }, func(s *statistics) { s.Cancelled++ }, func(s *statistics) { s.Dropped++ },
		func(s *statistics) { s.Failed, s.Cancelled = s.Cancelled+1, 0 }, func(s *statistics) { s.Attempts++ }, func(s *statistics) { s.Crashes-- },
		func(s *statistics) { s.Queued++ }, func(s *statistics) { s.Running++ }, func(s *statistics) { s.Method = "another" },
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			all := truth()
			change(&all[0])
			if wrong(sums, all) == 0 {
				t.Errorf("%+v is taken for true", all[0])
			}
		})
	}
}

func TestWithoutItsEventsAnEndBeforeARetryMayBeOfAnyKind(t *testing.T) {
	f := sound()
	f.allTold, f.retried[2] = false, 1
	sums := totals{}
	sums.add(f)
	all := truth()
	for _, end := range []*int64{&all[0].Failed, &all[0].Cancelled} {
		*end++
		if n := wrong(sums, all); n > 0 {
			t.Errorf("%+v is not taken for true", all[0])
		}
		*end--
	}
	all[0].Failed += 2
	if wrong(sums, all) == 0 {
		t.Errorf("%+v, with two ends more and one retry, is taken for true", all[0])
	}
}
