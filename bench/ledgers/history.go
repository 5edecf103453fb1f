package ledgers

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/whipper-sidecar/whipper/bench/floor"
	"github.com/whipper-sidecar/whipper/ledger"
)

// historySlots is how many jobs of a history are on their way to the disk at once.
const historySlots = 4096

// historySpan is how far back the history of a ledger reaches.
const historySpan = 30 * 24 * time.Hour

// history is a ledger with jobs that have all ended, as many as spread of them evenly over historySpan, in the folder dir. Nine in ten are of pool "default"; their methods are
// m0, of which half of the jobs are, m1, of which a quarter are, and so on to m7. Of 100 jobs 4 have failed, one was cancelled and one was dropped. Every second job has
// a label "customer", of one in a thousand values.
type history struct {
	dir    string
	begun  time.Time
	spread int64 // after so many they begin anew at begun
	jobs   int64 // that there are, without those that were measured on it
}

func newHistory(dir string, spread int64) *history {
	return &history{dir: dir, begun: time.Now().Add(-historySpan), spread: spread}
}

// grow adds jobs until there are n, through the ledger itself, so that all that it keeps of a job comes about.
func (h *history) grow(ctx context.Context, n int64) (err error) {
	bar := newBar(fmt.Sprintf("%d jobs of history", n), n-h.jobs)
	defer bar.stop()
	// It need not be durable: what is measured on it is opened anew.
	l, err := ledger.Open(ctx, ledger.Options{Dir: h.dir, Durability: ledger.Normal})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	slots := make(chan struct{}, historySlots)
	var failed error // written by the ledger's one goroutine
	for ; h.jobs < n && ctx.Err() == nil; h.jobs++ {
		id, err := l.NextID(ctx)
		if err != nil {
			return err
		}
		slots <- struct{}{}
		bar.increment()
		done := func(err error) {
			failed = errors.Join(failed, err)
			<-slots
		}
		waiting, end := h.job(h.jobs + 1)
		waiting.ID = id
		if end.Outcome == "" {
			waiting.State, waiting.FinishedAt = ledger.Dropped, end.At
			l.Insert(waiting, done)
			continue
		}
		running := ledger.Begin(waiting, "w1", 4711, waiting.RunAt.Add(5*time.Millisecond))
		ended, attempt := ledger.Settle(running, end, 0)
		l.Insert(running, nil)
		l.Finish(ended, attempt, done)
	}
	if err := l.Flush(ctx); err != nil {
		return err
	}
	return failed
}

// job is the history's k-th job, which waits, and how it ends. One that is dropped has no outcome.
func (h *history) job(k int64) (ledger.Job, ledger.Ending) {
	at := h.begun.Add(time.Duration(float64(historySpan) * float64(k%h.spread) / float64(h.spread)))
	end := ledger.Ending{At: at.Add(time.Duration(20+k*7919%200) * time.Millisecond)}
	switch k % 100 {
	case 7, 27, 51, 83:
		end.Outcome, end.ErrorSource, end.Permanent = ledger.OutcomeError, ledger.FromWorker, true
		end.Error = []byte(`{"code":1,"message":"cannot read a.png","data":{"type":"OSError"}}`)
	case 33:
		end.Outcome = ledger.OutcomeCancelled
	case 66:
	default:
		end.Outcome, end.Result = ledger.OutcomeSucceeded, []byte(`"a-100.png"`)
	}
	j := ledger.Job{
		Pool: floor.Pool, Method: fmt.Sprint("m", min(7, bits.TrailingZeros64(uint64(k)))), State: ledger.Queued, MaxAttempts: 3, Backoff: ledger.DefaultBackoff,
		Delivery: ledger.AtLeastOnce, Origin: ledger.FromSubmit, CreatedAt: at, RunAt: at, Params: fmt.Appendf(nil, `["a-%d.png",100]`, k),
	}
	if k%10 == 0 {
		j.Pool = "reports"
	}
	if k%2 == 0 {
		j.Labels = map[string]string{"customer": fmt.Sprint("c", k/2%1000)}
	}
	return j, end
}

// bar draws progress on a terminal, and does nothing elsewhere.
type bar struct {
	all *mpb.Progress
	bar *mpb.Bar
}

func newBar(what string, total int64) *bar {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return &bar{}
	}
	p := mpb.New(mpb.WithOutput(os.Stderr), mpb.WithWidth(50))
	return &bar{p, p.AddBar(total, mpb.PrependDecorators(decor.Name(what+" ")),
		mpb.AppendDecorators(decor.Percentage(), decor.Name(" "), decor.AverageETA(decor.ET_STYLE_GO)))}
}

func (b *bar) increment() {
	if b.bar != nil {
		b.bar.Increment()
	}
}

func (b *bar) stop() {
	if b.bar != nil {
		b.bar.Abort(false) // does nothing to a bar that is full
		b.all.Wait()
	}
}
