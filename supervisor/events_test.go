package supervisor

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func subscribe(t testing.TB, e *Events, f EventFilter) *Subscription {
	t.Helper()
	s, err := e.Subscribe(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// publishJob publishes the event of a job with this id.
func publishJob(e *Events, t eventType, id int64) {
	e.publish(t, eventType{}, jobRecord(&ledger.Job{ID: id, Pool: "p"}, ""))
}

func TestASubscriberThatNeverReadsKeepsTheNewestAndIsToldHowManyItLost(t *testing.T) {
	bus := NewEvents()
	s := subscribe(t, bus, EventFilter{})
	const published = 100_000
	for i := range published {
		publishJob(bus, jobQueued, int64(i))
	}
	if s.count != maxEvents || len(s.entries) != maxEvents || s.bytes > maxEventBytes {
		t.Fatalf("%d events of %d bytes are kept in room for %d", s.count, s.bytes, len(s.entries))
	}
	events := s.Take(maxEvents + 1)
	if len(events) != maxEvents || events[0].Lost != published-maxEvents || events[0].Job.ID != published-maxEvents {
		t.Fatalf("%d events, the first is job %d after %d lost", len(events), events[0].Job.ID, events[0].Lost)
	}
	for i, e := range events[1:] {
		if e.Lost != 0 || e.Job.ID != events[i].Job.ID+1 {
			t.Fatalf("job %d follows job %d with %d lost", e.Job.ID, events[i].Job.ID, e.Lost)
		}
	}
	if s.entries != nil || s.bytes != 0 {
		t.Errorf("room for %d events and %d bytes is held for nothing", len(s.entries), s.bytes)
	}
	publishJob(bus, jobQueued, 7)
	if events := s.Take(9); len(events) != 1 || events[0].Lost != 0 {
		t.Errorf("after it caught up: %+v", events)
	}
}

func TestLargeEventsAreBoundedByTheirBytes(t *testing.T) {
	bus := NewEvents()
	s := subscribe(t, bus, EventFilter{})
	large := []byte(`{"code":1,"message":"` + strings.Repeat("é", 5000) + `","data":{"type":"BigError","stack":"` + strings.Repeat("s", 50_000) + `"}}`)
	for id := range int64(1000) {
		bus.publish(jobFailed, eventType{}, jobRecord(&ledger.Job{ID: id, State: ledger.Failed, Error: large}, ledger.OutcomeError))
	}
	if s.bytes > maxEventBytes || s.count < 10 {
		t.Fatalf("%d events of %d bytes", s.count, s.bytes)
	}
	events := s.Take(1)
	if e := events[0].Job.Error; e.Code != 1 || e.Type != "BigError" || len(e.Message) > maxEventMessage || !strings.HasSuffix(e.Message, "é…") {
		t.Errorf("error = %+v", e)
	}
	larger := append(large[:len(large)-2:len(large)-2], `,"fields":"`+strings.Repeat("f", maxEventError)+`"}}`...)
	bus.publish(jobFailed, eventType{}, jobRecord(&ledger.Job{State: ledger.Failed, Error: larger}, ""))
	last := s.Take(maxEvents)
	if e := last[len(last)-1].Job.Error; e == nil || len(e.Message) > 100 {
		t.Errorf("error over the limit = %+v", e)
	}
}

func TestEventsReachEverySubscriberInOneOrderUnderConcurrency(t *testing.T) {
	bus := NewEvents()
	const publishers, each = 8, 2000
	var all, readers, writers sync.WaitGroup
	stop := make(chan struct{})
	seen := make([][]int64, 4)
	for i := range seen {
		s := subscribe(t, bus, EventFilter{Types: []string{"job"}})
		readers.Go(func() {
			var at time.Time
			read := func() {
				for _, e := range s.Take(100) {
					if e.At.Before(at) {
						t.Errorf("event at %v after one at %v", e.At, at)
					}
					at = e.At.Time
					for range e.Lost {
						seen[i] = append(seen[i], -1)
					}
					seen[i] = append(seen[i], e.Job.ID)
				}
			}
			for {
				select {
				case <-s.Ready():
					read()
				case <-stop:
					for s.count > 0 {
						read()
					}
					return
				}
			}
		})
	}
	all.Go(func() { // others come and go
		for {
			select {
			case <-stop:
				return
			default:
				s, err := bus.Subscribe(EventFilter{Pool: "other"})
				if err != nil {
					t.Error(err)
					return
				}
				s.Close()
			}
		}
	})
	for p := range publishers {
		writers.Go(func() {
			for i := range each {
				publishJob(bus, jobStarted, int64(p*each+i))
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	all.Wait()
	for i, ids := range seen {
		if len(ids) != publishers*each {
			t.Fatalf("subscriber %d knows of %d events, %d were published", i, len(ids), publishers*each)
		}
		for at, id := range ids {
			if id >= 0 && seen[0][at] >= 0 && id != seen[0][at] {
				t.Fatalf("event %d is job %d for subscriber %d and job %d for the first", at, id, i, seen[0][at])
			}
		}
	}
}

func TestAFilterNamesTypesGroupsAndSecondNames(t *testing.T) {
	change := func(b *Events) {
		b.publish(stateChanged, stateNames["dying"], &record{event: jsonrpc.Event{Pool: "p", From: "flushing", To: "dying"}})
		b.publish(statusChanged, statusNames[busy], &record{event: jsonrpc.Event{Pool: "p", From: idle, To: busy}})
		b.publish(processCreated, eventType{}, &record{event: jsonrpc.Event{Pool: "p"}})
		publishJob(b, jobFailed, 1)
	}
	for _, test := range []struct {
		types, pool, want string
	}{
		{"", "", "worker:state:changed worker:working-status:changed worker:process:created job:failed"},
		{"", "p", "worker:state:changed worker:working-status:changed worker:process:created job:failed"},
		{"", "q", ""},
		{"job", "", "job:failed"},
		{"job:succeeded", "", ""},
		{"worker", "", "worker:state:changed worker:working-status:changed worker:process:created"},
		{"worker:state", "", "worker:state:changed"},
		{"worker:state:dying", "", "worker:state:dying"},
		{"worker:state:changed worker:state:dying worker:state:forking", "", "worker:state:changed worker:state:dying"},
		{"worker:working-status:busy worker:working-status:idle job", "", "worker:working-status:busy job:failed"},
	} {
		t.Run(test.types+" "+test.pool, func(t *testing.T) {
			bus := NewEvents()
			s := subscribe(t, bus, EventFilter{Types: strings.Fields(test.types), Pool: test.pool})
			change(bus)
			var got []string
			for _, e := range s.Take(99) {
				got = append(got, e.Type)
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %v, want %s", got, test.want)
			}
		})
	}
	for name, text := range map[string]string{
		"jobs": `"jobs" is neither a type of event nor a group of them; types are worker:pool:available, `,
		"":     `"" is neither`, "job:": `the group of all that begin with it is called "job"`, "worker:*": `is called "worker"`,
		"worker:state:resting": "is neither",
	} {
		_, err := NewEvents().Subscribe(EventFilter{Types: []string{"job", name}})
		var unknown *UnknownEventError
		if !errors.As(err, &unknown) || unknown.Type != name || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestWhatNobodyWantsIsNotPublished(t *testing.T) {
	bus := NewEvents()
	if bus.wants(allEvents) || (*Events)(nil).wants(allEvents) {
		t.Error("events are wanted without a subscriber")
	}
	s := subscribe(t, bus, EventFilter{Types: []string{"job:failed"}})
	other := subscribe(t, bus, EventFilter{Types: []string{"job:succeeded"}})
	if !bus.wants(jobFailed.bit) || !bus.wants(jobSucceeded.bit) || bus.wants(allEvents&^jobFailed.bit&^jobSucceeded.bit) {
		t.Errorf("wanted are %b", bus.wanted.Load())
	}
	other.Close()
	other.Close()
	if !bus.wants(jobFailed.bit) || bus.wants(jobSucceeded.bit) {
		t.Errorf("after one has left, wanted are %b", bus.wanted.Load())
	}
	s.Close()
	publishJob(bus, jobFailed, 1)
	if bus.wants(allEvents) || len(s.Take(1)) != 0 {
		t.Error("a subscription that was closed gets events")
	}
}

// quietPool is a pool that does nothing but publish.
func quietPool(e *Events) (*Pool, *worker) {
	p := &Pool{name: "p", events: e}
	return p, &worker{pool: p, id: "w1", seat: seat{state: Processing, slots: 1, statusTold: idle}}
}

func TestPublishingWithoutSubscribersAllocatesNothing(t *testing.T) {
	p, w := quietPool(NewEvents())
	job := &ledger.Job{ID: 1, Method: "m", State: ledger.Succeeded}
	if n := testing.AllocsPerRun(100, func() {
		p.jobEvent(jobStarted, job, "")
		p.tellOutcome(job, ledger.OutcomeSucceeded)
		w.seat.taken = 1 - w.seat.taken
		p.tellStatus(w)
		p.tellState(w, Forking, Processing)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A client may be as quick as the pool: its job has an id, and is about to be committed, when the pool begins to run. The claimer then finds
// it before the submission is told.
func TestAJobThatIsSubmittedBeforeThePoolRunsIsToldOfAsQueuedFirst(t *testing.T) {
	t.Parallel()
	bus := NewEvents()
	s := subscribe(t, bus, EventFilter{Types: []string{"job:queued"}})
	r := newRig(t, func(o *Options) { o.Events = bus })
	id, err := r.ledger.NextID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.run().ready()
	job := ledger.Job{ID: id, Pool: "default", Method: "echo", State: ledger.Queued, Origin: ledger.FromSubmit}
	r.pool.mu.Lock()
	r.pool.tellClaimed(&job)
	r.pool.mu.Unlock()
	r.pool.tellSubmitted([]ledger.Job{job})
	if events := s.Take(9); len(events) != 1 || events[0].Job.ID != id {
		t.Errorf("events are %+v", events)
	}
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	if _, early := r.pool.toldEarly[id]; !early {
		t.Error("it was told of only with its submission")
	}
	r.pool.tellOutcome(&job, "")
}

func TestCallsThatFindNoRoomAreToldWithTheirMethod(t *testing.T) {
	p, _ := quietPool(NewEvents())
	s := subscribe(t, p.events, EventFilter{Types: []string{"at-capacity"}})
	p.atCapacity("dropped", "one")
	p.atCapacity("error", "two")
	events := s.Take(9)
	if len(events) != 2 || events[0].Type != jsonrpc.EventAtCapacityDropped || events[0].Method != "one" || events[0].Pool != "p" ||
		events[1].Type != jsonrpc.EventAtCapacityError || events[1].Method != "two" {
		t.Errorf("events are %+v", events)
	}
}

func BenchmarkPublish(b *testing.B) {
	job := &ledger.Job{ID: 1, Method: "m", Pool: "p", State: ledger.Succeeded}
	for _, subscribers := range []int{0, 1, 10} {
		b.Run(fmt.Sprintf("subscribers-that-never-read=%d", subscribers), func(b *testing.B) {
			p, _ := quietPool(NewEvents())
			for range subscribers {
				subscribe(b, p.events, EventFilter{})
			}
			b.ReportAllocs()
			for b.Loop() {
				p.jobEvent(jobStarted, job, "")
			}
		})
	}
}
