package supervisor

import (
	"slices"
	"testing"
)

// seatsWith is a pool that does not run, whose workers have two slots each and so many calls.
func seatsWith(t *testing.T, strategy string, taken ...int) *Pool {
	t.Helper()
	r := newRig(t, func(o *Options) { o.LoadStrategy = strategy })
	for i, n := range taken {
		w := newWorker(r.pool, i+1)
		w.seat.slots, w.seat.taken = 2, n
		r.pool.seats = append(r.pool.seats, w)
	}
	return r.pool
}

func TestALoadStrategyChoosesTheWorkerOfTheNextCall(t *testing.T) {
	for _, c := range []struct {
		name, strategy string
		taken          []int
		want           []string
	}{
		{"basic: the first idle one", LoadBasic, []int{1, 0, 0}, []string{"w2", "w3", "w1", "w2", "w3", ""}},
		{"basic: none idle, the first is filled before the next", LoadBasic, []int{2, 1, 1}, []string{"w2", "w3", ""}},
		{"round-robin: one after the other, full ones are passed over", LoadRoundRobin, []int{0, 2, 0}, []string{"w1", "w3", "w1", "w3", ""}},
		{"least-busy: the fewest calls, of those the oldest", LoadLeastBusy, []int{1, 0, 1}, []string{"w2", "w1", "w2", "w3", ""}},
		{"nobody there", LoadRoundRobin, nil, []string{""}},
	} {
		p := seatsWith(t, c.strategy, c.taken...)
		var got []string
		for range c.want {
			w := p.freeWorker()
			if w == nil {
				got = append(got, "")
				continue
			}
			w.seat.taken++
			got = append(got, w.id)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestNoStrategyChoosesAWorkerThatTakesNoCalls(t *testing.T) {
	for _, strategy := range loadStrategies {
		for why, change := range map[string]func(*seat){
			"not ready":  func(s *seat) { s.slots = 0 },
			"full":       func(s *seat) { s.taken = s.slots },
			"retiring":   func(s *seat) { s.retiring = true },
			"with alone": func(s *seat) { s.alone = true },
			"reserved":   func(s *seat) { s.reserved = &call{} },
		} {
			p := seatsWith(t, strategy, 0)
			change(&p.seats[0].seat)
			if p.freeWorker() != nil {
				t.Errorf("%s: a worker is chosen that is %s", strategy, why)
			}
		}
	}
}

func TestRoundRobinReachesEveryWorkerEvenWhenThereIsLittleToDo(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.LoadStrategy, o.MinWorkers, o.MaxWorkers = LoadRoundRobin, 3, 3 })
	r.until(func() bool { return r.pool.readyWorkers() == 3 })
	pids := map[string]int{}
	for range 6 {
		pids[r.call("pid", `[]`).answer().result]++
	}
	for pid, n := range pids {
		if n != 2 || len(pids) != 3 {
			t.Errorf("process %s got %d of 6 calls, %v", pid, n, pids)
		}
	}
}

// readyWorkers counts the workers that can be given calls; mu is held.
func (p *Pool) readyWorkers() (n int) {
	for _, w := range p.seats {
		if w.seat.slots > 0 && !w.seat.retiring {
			n++
		}
	}
	return n
}
