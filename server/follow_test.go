package server

import (
	"bufio"
	"encoding/json"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// stats is the next line, which must be a stats notification.
func (c *client) stats() jsonrpc.PoolStats {
	c.t.Helper()
	n := parseNote(c.t, c.line())
	var note jsonrpc.StatsNote
	if n.Method != jsonrpc.MethodStatsNote || json.Unmarshal(n.Params, &note) != nil || note.Pool != "default" {
		c.t.Fatalf("%s %s came", n.Method, n.Params)
	}
	return note.Stats
}

func TestASubscriptionIsChangedWithoutLossOrRepetition(t *testing.T) {
	r := servePool(t).ready()
	c, other := r.dial(), r.dial()
	c.must("event.subscribe", `{"types":["job:started"]}`, new(jsonrpc.SubscribeResult))
	other.call("job.invoke", `{"method":"echo","params":[1]}`)
	var changed jsonrpc.SubscribeResult
	first := c.event()
	c.must("event.subscribe", `{"subscription":1,"types":["job:started","job:succeeded"]}`, &changed)
	other.call("job.invoke", `{"method":"echo","params":[2]}`)
	next := func() jsonrpc.Event { // of the second call; the end of the first is told when it is on disk, which may be after the change
		e := c.event()
		for e.Job.ID == first.Job.ID {
			e = c.event()
		}
		return e
	}
	second, third := next(), next()
	if changed.Subscription != 1 || first.Type != "job:started" || second.Type != "job:started" || third.Type != "job:succeeded" ||
		third.Job.ID != second.Job.ID {
		t.Errorf("%v, then %v, %v, %v", changed, first, second, third)
	}
	if a := other.call("event.subscribe", `{"subscription":2}`); a.Error == nil || a.Error.Code != jsonrpc.CodeNotFound {
		t.Errorf("one that is not there: %+v", a)
	}
}

func TestStatsThatCountACallComeBeforeItsAnswer(t *testing.T) {
	r := servePool(t).ready()
	c := r.dial()
	var before jsonrpc.PoolStats
	c.must("pool.stats", `{"follow":true}`, &before)
	for n := int64(1); n <= 50; n++ {
		c.send(requestLine("7", "job.invoke", `{"method":"echo","params":[1]}`))
		var told jsonrpc.PoolStats
		line := c.line()
		for ; parse(t, line).Result == nil; line = c.line() { // while it runs there may be one more, of a busy worker
			var note struct{ Params jsonrpc.StatsNote }
			if err := json.Unmarshal([]byte(line), &note); err != nil {
				t.Fatal(err)
			}
			told = note.Params.Stats
		}
		if told.Workers.CallsHandled != before.Workers.CallsHandled+n || told.IdleWorkerCount != 1 {
			t.Fatalf("call %d was answered when the stats told were %+v", n, told)
		}
	}
}

func TestStatsThatNoAnswerComesWithAreToldAllTheSame(t *testing.T) {
	r := servePool(t).ready()
	c := r.dial()
	var before jsonrpc.PoolStats
	c.must("pool.stats", `{"follow":true}`, &before)
	r.dial().call("job.invoke", `{"method":"fail"}`)
	told := c.stats()
	for told.Workers.ErrorCount == before.Workers.ErrorCount {
		told = c.stats()
	}
	if told.Workers.CallsHandled != before.Workers.CallsHandled+1 {
		t.Errorf("stats = %+v after %+v and one call", told, before)
	}
}

func TestAnEventFindsItsWorkerCounted(t *testing.T) {
	r := servePool(t).ready()
	c := r.dial()
	c.must("pool.stats", `{"follow":true}`, new(jsonrpc.PoolStats))
	c.must("event.subscribe", `{"types":["worker:process:exited"]}`, new(jsonrpc.SubscribeResult))
	var list jsonrpc.WorkerListResult
	r.dial().must("worker.list", "", &list)
	if err := syscall.Kill(list.Workers[0].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var told jsonrpc.PoolStats
	for {
		line := c.line()
		var note struct {
			Method string
			Params json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &note); err != nil {
			t.Fatal(err)
		}
		if note.Method == jsonrpc.MethodEvent {
			e := parseNote(t, line).event
			if e.Worker.Stats.CallsHandled == 0 || e.Worker.State == "" || e.Worker.WorkingStatus == "" {
				t.Errorf("event = %s", line)
			}
			break
		}
		var n jsonrpc.StatsNote
		if err := json.Unmarshal(note.Params, &n); err != nil {
			t.Fatal(err)
		}
		told = n.Stats
	}
	if told.WorkerCount != 1 || told.IdleWorkerCount != 0 { // the worker is there, and takes no calls
		t.Errorf("stats before the event = %+v", told)
	}
}

// countingPool is a pool that does nothing but count.
type countingPool struct {
	fakePool

	mu      sync.Mutex
	stats   jsonrpc.PoolStats
	version uint64
	next    chan struct{}
	looks   int // how often the stats were looked at
	asked   int // and waited for
}

func (p *countingPool) count() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Workers.CallsHandled++
	p.version++
	if p.next != nil {
		close(p.next)
		p.next = nil
	}
}

func (p *countingPool) Stats() jsonrpc.PoolStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looks++
	return p.stats
}

func (p *countingPool) StatsVersion() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.version
}

func (p *countingPool) StatsAfter(version uint64) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.version != version {
		return closedChannel()
	}
	if p.next == nil {
		p.next = make(chan struct{})
	}
	return p.next
}

func closedChannel() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// followed is a session that follows pools, in a bubble of synctest, and what its peer was told.
type followed struct {
	*session
	conn  *jsonrpc.Conn
	mu    sync.Mutex
	notes []jsonrpc.StatsNote
}

// inBubble runs f with a session that follows pool.
func inBubble(t *testing.T, pool Pool, f func(t *testing.T, s *followed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		nothing := jsonrpc.HandlerFunc(func(*jsonrpc.Conn, *jsonrpc.Request) {})
		s := &followed{session: &session{ending: make(chan struct{})}, conn: jsonrpc.NewConn(here, nothing, jsonrpc.Options{})}
		var peer sync.WaitGroup
		peer.Go(func() {
			for lines := bufio.NewScanner(there); lines.Scan(); {
				var note struct{ Params jsonrpc.StatsNote }
				if err := json.Unmarshal(lines.Bytes(), &note); err != nil {
					t.Error(err)
				}
				s.mu.Lock()
				s.notes = append(s.notes, note.Params)
				s.mu.Unlock()
			}
		})
		s.follow(s.conn, newFollowing(pool), func() {})
		synctest.Wait()
		f(t, s)
		close(s.ending)
		s.pumps.Wait()
		_ = s.conn.Close()
		peer.Wait()
	})
}

// told takes what the peer was told since the last time.
func (s *followed) told() []jsonrpc.StatsNote {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	notes := s.notes
	s.notes = nil
	return notes
}

func TestAFollowerOfStatsThatDoNotChangeCostsNothing(t *testing.T) {
	pool := &countingPool{}
	inBubble(t, pool, func(t *testing.T, s *followed) {
		before := pool.looks
		time.Sleep(time.Hour)
		s.tellStats(nil, s.conn) // as before an answer
		if n := pool.looks - before; n != 0 || len(s.told()) != 0 {
			t.Errorf("they were looked at %d times", n)
		}
	})
}

func TestManyChangesOfStatsAreToldTogether(t *testing.T) {
	pool := &countingPool{}
	inBubble(t, pool, func(t *testing.T, s *followed) {
		for range 1000 {
			pool.count()
			time.Sleep(time.Millisecond)
		}
		time.Sleep(followEvery)
		notes := s.told()
		if len(notes) < 9 || len(notes) > 11 {
			t.Errorf("changes of a second were told in %d notifications", len(notes))
		}
		last := int64(0)
		for _, n := range notes {
			if n.Stats.Workers.CallsHandled <= last {
				t.Errorf("after %d calls came %d", last, n.Stats.Workers.CallsHandled)
			}
			last = n.Stats.Workers.CallsHandled
		}
		if last != 1000 {
			t.Errorf("the last notification tells of %d calls", last)
		}
	})
}

func TestWhatAnAnswerCarriedIsNotToldAgain(t *testing.T) {
	pool := &countingPool{}
	inBubble(t, pool, func(t *testing.T, s *followed) {
		pool.count()
		s.tellStats(nil, s.conn)
		if n := len(s.told()); n != 1 {
			t.Errorf("%d notifications came before an answer", n)
		}
		before := pool.looks
		time.Sleep(time.Hour)
		if n := len(s.told()); n != 0 || pool.looks != before {
			t.Errorf("%d more came, and the stats were looked at %d times", n, pool.looks-before)
		}
	})
}

func TestWhoFollowsAnotherPoolHearsNoMoreOfTheFirst(t *testing.T) {
	first, second := &countingPool{}, &countingPool{fakePool: fakePool{name: "second"}}
	inBubble(t, first, func(t *testing.T, s *followed) {
		s.follow(s.conn, newFollowing(second), func() {})
		first.count()
		second.count()
		time.Sleep(time.Hour)
		if notes := s.told(); len(notes) != 1 || notes[0].Pool != "second" {
			t.Errorf("the peer was told %+v", notes)
		}
		if first.asked != 1 {
			t.Error("somebody still waits for the first one's stats")
		}
	})
}
