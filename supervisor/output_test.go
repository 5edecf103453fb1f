package supervisor

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// outputs collects what workers print.
type outputs struct {
	mu    sync.Mutex
	lines []OutputLine
}

func (o *outputs) add(l OutputLine) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l.Text = bytes.Clone(l.Text)
	o.lines = append(o.lines, l)
}

func TestWhatAWorkerPrintsIsToldLineByLineWithItsSource(t *testing.T) {
	t.Parallel()
	var o outputs
	began := time.Now()
	r := start(t, func(opts *Options) { opts.Pool, opts.WorkerOutput = "prints", o.add })
	r.call("print", `["stderr", "one\ntwo\r\n\nlast"]`).answer()
	r.call("garbage", `[]`).answer()
	r.call("exit", `[1, "the end"]`).answer()
	r.drain()
	r.kill()
	r.ended()
	var got []string
	for _, l := range o.lines {
		if l.Pool != "prints" || l.Worker != "w1" || l.PID == 0 || l.At.Before(began) || l.Cut != 0 {
			t.Errorf("%+v", l)
		}
		if l.Stream == "stderr" {
			got = append(got, string(l.Text))
		}
	}
	if d := cmp.Diff([]string{"one", "two", "", "lastthe end"}, got); d != "" {
		t.Error(d)
	}
	stray := 0
	for _, l := range o.lines {
		if l.Stream == "stdout" && (string(l.Text) == "hello, I am not JSON" || string(l.Text) == "\x00\xff\xfe") {
			stray++
		}
	}
	if stray != 2 {
		t.Errorf("%d stray lines of 2: %+v", stray, o.lines)
	}
}

func TestALongLineIsCutAndSaysByHowMuch(t *testing.T) {
	t.Parallel()
	for _, stream := range []string{"stderr", "stdout"} {
		var o outputs
		r := start(t, func(opts *Options) { opts.WorkerOutput = o.add })
		// An é at the cut, lines of just the limit and one more, and one of many buffers.
		long := strings.Repeat("x", MaxOutputLine-1)
		for _, text := range []string{long + "é!", long + "y", long + "yz", strings.Repeat("z", 10*MaxOutputLine+7), "short"} {
			r.call("print", `["`+stream+`", "`+text+`\n"]`).answer()
		}
		r.call("exit", `[1, ""]`).answer()
		r.drain()
		r.kill()
		r.ended()
		var got []int
		for _, l := range o.lines {
			if l.Stream != stream {
				continue
			}
			if len(l.Text) > MaxOutputLine || !utf8.Valid(l.Text) {
				t.Errorf("%s: %d bytes kept", stream, len(l.Text))
			}
			if len(l.Text) > 0 {
				got = append(got, len(l.Text), l.Cut)
			}
		}
		want := []int{MaxOutputLine - 1, 3, MaxOutputLine, 0, MaxOutputLine, 1, MaxOutputLine, 9*MaxOutputLine + 7, 5, 0}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s:\n%s", stream, d)
		}
	}
}

func TestALineThatNeverEndsGrowsNoMemoryAndIsToldAtTheEnd(t *testing.T) {
	t.Parallel()
	var o outputs
	r := start(t, func(opts *Options) { opts.WorkerOutput = o.add })
	call := r.call("endless-line", `[20000000]`)
	if got := call.answer(); got.reply.Error == nil {
		t.Errorf("result %s", got.result)
	}
	r.drain()
	r.kill()
	r.ended()
	if len(o.lines) != 1 || len(o.lines[0].Text)+o.lines[0].Cut != 20_000_000 {
		t.Errorf("%d lines", len(o.lines))
	}
}
