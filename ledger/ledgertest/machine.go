package ledgertest

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whipper-sidecar/whipper/ledger"
)

// RunModel does what comes to mind with a store, in any order, with the clock going either way, and with crashes in between. After each step
// the store must be what a model in memory is.
func RunModel(t *testing.T, e Engine) {
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{T: t, engine: e, root: root, now: noon, model: newModel()}
		m.dir = m.folder()
		m.open()
		defer m.stop()
		t.Repeat(map[string]func(*rapid.T){
			"":                           func(*rapid.T) { m.check() },
			"submit":                     func(*rapid.T) { m.submit() },
			"invoke":                     m.settled(m.invoke),
			"park":                       m.settled(m.park),
			"start":                      m.settled(m.start),
			"finish":                     m.settled(m.finish),
			"finish, and another start":  m.settled(m.finish, m.start),
			"start and finish at a time": m.settled(m.start, m.finish),
			"refuse":                     func(*rapid.T) { m.refuse() },
			"expire":                     func(*rapid.T) { m.expire() },
			"cancel":                     func(*rapid.T) { m.cancel() },
			"retry":                      func(*rapid.T) { m.retry() },
			"prune":                      func(*rapid.T) { m.prune() },
			"prune ids":                  func(*rapid.T) { m.pruneIDs() },
			"wait":                       func(*rapid.T) { m.wait() },
			"clock":                      func(*rapid.T) { m.clock() },
			"restart": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "clean") == 0 {
					m.reopen()
				} else {
					m.crash()
				}
			},
		})
		m.model = m.model.clone() // so that all of it is compared
		m.check()
		if err := e.Check(m.Store); err != nil {
			t.Fatal(err)
		}
	})
}

// machine is a store and the model that it is compared with.
type machine struct {
	*rapid.T
	Store
	engine    Engine
	root, dir string
	now       time.Time
	model     *model
	waits     []modelWait
	answered  chan error // of changes that were handed over
}

// modelWait is somebody who waits for jobs.
type modelWait struct {
	ids  []int64
	done chan waited
}

type waited struct {
	jobs []ledger.Job
	err  error
}

func (m *machine) folder() string {
	dir, err := os.MkdirTemp(m.root, "")
	if err != nil {
		m.Fatal(err)
	}
	return dir
}

func (m *machine) open() {
	store, err := m.engine.Open(m.dir, func() time.Time { return m.now })
	if err != nil {
		m.Fatal(err)
	}
	m.Store, m.answered = store, make(chan error, 100)
}

// stop is the end of a check.
func (m *machine) stop() {
	m.close()
	if err := os.RemoveAll(m.dir); err != nil {
		m.Error(err)
	}
}

// close closes the store, and with it all waits.
func (m *machine) close() {
	if err := m.Close(); err != nil {
		m.Error(err)
	}
	for _, w := range m.waits {
		got := <-w.done
		if slices.ContainsFunc(got.jobs, func(j ledger.Job) bool { return !j.State.Terminal() }) || got.err == nil && got.jobs == nil {
			m.Errorf("the wait for %v has ended with %+v", w.ids, got)
		}
	}
	m.waits = nil
}

func (m *machine) check() {
	if diff := compare(m.Store, m.model, m.now); diff != "" {
		m.Fatal(diff)
	}
	m.waits = slices.DeleteFunc(m.waits, func(w modelWait) bool {
		if slices.ContainsFunc(w.ids, func(id int64) bool { return !m.model.jobs[id].job.State.Terminal() }) {
			select {
			case got := <-w.done:
				m.Fatalf("the wait for %v has ended too soon: %+v", w.ids, got)
			default:
			}
			return false
		}
		got := <-w.done
		if got.err != nil || !slices.Equal(idsOf(got.jobs), w.ids) {
			m.Fatalf("the wait for %v: %+v", w.ids, got)
		}
		for _, job := range got.jobs {
			if want := m.model.jobs[job.ID].job.State; job.State != want {
				m.Fatalf("the wait for %v gives job %d as %s, want %s", w.ids, job.ID, job.State, want)
			}
		}
		return true
	})
}

// settled makes an action of changes that are handed over one after the other, and waits until they are on disk.
func (m *machine) settled(steps ...func() bool) func(*rapid.T) {
	return func(t *rapid.T) {
		handed := 0
		for _, step := range steps {
			if step() {
				handed++
			}
		}
		if handed == 0 {
			t.Skip("there is nothing to change")
		}
		for range handed {
			m.accepted()
		}
	}
}

// accepted waits for the answer to a change.
func (m *machine) accepted() {
	if err := <-m.answered; err != nil {
		m.Fatal(err)
	}
}

func (m *machine) answer(err error) { m.answered <- err }

// pick draws one of the jobs in these states, or none.
func (m *machine) pick(states ...ledger.State) (id int64, ok bool) {
	ids := m.model.ids(states...)
	if len(ids) == 0 {
		return 0, false
	}
	return rapid.SampledFrom(ids).Draw(m.T, "job"), true
}

// pickSome draws up to three jobs in any state.
func (m *machine) pickSome() []int64 {
	ids := m.model.ids()
	if len(ids) == 0 {
		m.Skip("there is no job")
	}
	return rapid.SliceOfNDistinct(rapid.SampledFrom(ids), 1, min(3, len(ids)), rapid.ID).Draw(m.T, "jobs")
}

func (m *machine) clock() {
	m.now = m.now.Add(time.Duration(rapid.IntRange(-2000, 5000).Draw(m.T, "ms")) * time.Millisecond)
	if rapid.IntRange(0, 9).Draw(m.T, "jump") == 0 {
		m.now = m.now.Add(time.Duration(rapid.IntRange(-48, 48).Draw(m.T, "hours")) * time.Hour)
	}
}

func (m *machine) wait() {
	w := modelWait{m.pickSome(), make(chan waited, 1)}
	m.waits = append(m.waits, w)
	store := m.Store
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // so that one that nobody ends is a failure with a name
		defer cancel()
		jobs, err := store.Wait(ctx, w.ids, ledger.Reading{})
		w.done <- waited{jobs, err}
	}()
}

func (m *machine) reopen() {
	m.close()
	m.open()
	if diff := compare(m.Store, m.model, m.now); diff != "" {
		m.Fatalf("after it was closed and opened: %s", diff)
	}
	m.recover()
}

// crash hands changes over, has the process die when some of them were answered, and looks at what is left. The changes are on
// disk up to one of them, and that is none of those before the last answer.
func (m *machine) crash() {
	states := []*model{m.model.clone()}
	steps := map[string]func() bool{"invoke": m.invoke, "start": m.start, "finish": m.finish}
	for range rapid.IntRange(0, 5).Draw(m.T, "changes") {
		if steps[draw(m, "change", "invoke", "start", "finish")]() {
			states = append(states, m.model.clone())
		}
	}
	answered := rapid.IntRange(0, len(states)-1).Draw(m.T, "answered")
	for range answered {
		m.accepted()
	}
	to := m.folder()
	if err := m.engine.Crash(m.dir, to); err != nil {
		m.Fatal(err)
	}
	m.stop()
	m.dir = to
	m.open()
	var diff string
	for _, state := range slices.Backward(states[answered:]) {
		if diff = compare(m.Store, state, m.now); diff == "" {
			state.last = m.model.last // no id comes again, even if its job is lost
			m.model = state
			m.recover()
			return
		}
	}
	m.Fatalf("of %d changes %d were answered, but after a crash: %s", len(states)-1, answered, diff)
}

// recover does what a supervisor does at its start.
func (m *machine) recover() {
	want := m.model.recover(m.now)
	if got, err := m.Recover(context.Background()); err != nil || got != want {
		m.Fatalf("recovered %+v, want %+v: %v", got, want, err)
	}
}
