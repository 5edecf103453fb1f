package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/whipper-sidecar/whipper/internal/config"
	"github.com/whipper-sidecar/whipper/supervisor"
)

func printed(text string, cut int) supervisor.OutputLine {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.FixedZone("", 3600))
	return supervisor.OutputLine{At: at, Pool: "resize", Worker: "w1", PID: 4711, Stream: "stderr", Text: []byte(text), Cut: cut}
}

func TestAPrintedLineIsWrittenInTheFormAskedFor(t *testing.T) {
	for _, c := range []struct {
		format                  string
		several, timed, jsonLog bool
		line                    supervisor.OutputLine
		want                    string
	}{
		{"prefix", false, false, false, printed("hello", 0), "w1[4711] hello\n"},
		{"prefix", true, false, false, printed("hello", 0), "resize/w1[4711] hello\n"},
		{"prefix", false, false, false, printed("", 0), "w1[4711] \n"},
		{"prefix", false, false, false, printed("long", 12345), "w1[4711] long … (12,345 more bytes cut)\n"},
		{"prefix", false, false, false, printed("long", 1), "w1[4711] long … (1 more byte cut)\n"},
		{"auto", false, false, false, printed("\x1b[31mred\a\r\x00\x7f\u009b\u202e", 0), `w1[4711] \x1b[31mred\x07\x0d\x00\x7f\x9b\u202e` + "\n"},
		{"auto", false, false, false, printed("caf\xe9 \xff\xfe.", 0), "w1[4711] caf\uFFFD \uFFFD.\n"},
		{
			"json", false, false, false, printed("<\"hello\"> & \x1b[31m \u009b caf\xe9", 7),
			`{"time":"2026-01-02T02:04:05.678Z","pool":"resize","worker":"w1","pid":4711,"stream":"stderr","line":"<\"hello\"> & \u001b[31m \u009b caf` + "\uFFFD" + `","cut":7}` + "\n",
		},
		{"auto", true, false, true, printed("x", 0), `{"time":"2026-01-02T02:04:05.678Z","pool":"resize","worker":"w1","pid":4711,"stream":"stderr","line":"x"}` + "\n"},
	} {
		var out bytes.Buffer
		p := config.NewPool()
		p.WorkerLogFormat = c.format
		ways, err := newWorkerLogs(&out, c.jsonLog, slog.New(slog.DiscardHandler)).outputs([]*config.Pool{p}, c.several)
		if err != nil {
			t.Fatal(err)
		}
		ways[p.Pool](c.line)
		if d := cmp.Diff(c.want, out.String()); d != "" {
			t.Errorf("%s:\n%s", c.format, d)
		}
	}
}

func FuzzPrintedLineStaysOneLineAndHarmless(f *testing.F) {
	f.Add([]byte("hello"))
	f.Add([]byte("\x1b]0;title\x07\xe2\x80\xae\n\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		text = bytes.ReplaceAll(text, []byte("\n"), nil) // a line has none
		l := printed(string(text), 3)
		for _, b := range [][]byte{prefixedLine(&l, true, true), jsonLine(&l)} {
			line := strings.TrimSuffix(string(b), "\n")
			if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return harmful(r) && r != '\t' }) {
				t.Errorf("%q", b)
			}
		}
		var back struct{ Line string }
		if err := json.Unmarshal(jsonLine(&l), &back); err != nil || back.Line != valid(text) {
			t.Errorf("%q came back as %q (%v)", text, back.Line, err)
		}
	})
}

func TestWhatIsPrintedCanBeDropped(t *testing.T) {
	var out bytes.Buffer
	p := config.NewPool()
	p.WorkerLog = config.WorkerLogNone
	ways, err := newWorkerLogs(&out, false, slog.New(slog.DiscardHandler)).outputs([]*config.Pool{p}, false)
	if err != nil {
		t.Fatal(err)
	}
	ways[p.Pool](printed("hello", 0))
	if out.Len() != 0 {
		t.Errorf("%q was written", &out)
	}
}

func TestPoolsMayShareAFileIfTheyWriteItAlike(t *testing.T) {
	dir := t.TempDir()
	shared := filepath.Join(dir, "workers.log")
	logs := newWorkerLogs(io.Discard, false, slog.New(slog.DiscardHandler))
	pool := func(name string, keep int, file string) *config.Pool {
		p := config.NewPool()
		p.Pool, p.WorkerLog, p.WorkerLogKeep = name, file, keep
		return p
	}
	ways := func(pools ...*config.Pool) map[string]func(supervisor.OutputLine) {
		t.Helper()
		ways, err := logs.outputs(pools, true)
		if err != nil {
			t.Fatal(err)
		}
		return ways
	}
	before := ways(pool("one", 5, shared), pool("two", 5, shared))
	var fault *poolFault
	if _, err := logs.outputs([]*config.Pool{pool("one", 5, shared), pool("two", 2, shared)}, true); !errors.As(err, &fault) ||
		fault.pool.Pool != "two" || !strings.Contains(err.Error(), "in different ways") {
		t.Errorf("a pool with other settings: %v", err)
	}
	after := ways(pool("one", 2, shared), pool("two", 2, shared), pool("three", 7, filepath.Join(dir, "own.log")))
	before["one"](printed("one", 0)) // by a process that was started before
	after["two"](printed("two", 0))
	unused := filepath.Join(dir, "unused.log")
	lost := filepath.Join(dir, "nowhere", "workers.log")
	if _, err := logs.outputs([]*config.Pool{pool("one", 5, unused), pool("two", 5, lost)}, true); !errors.As(err, &fault) ||
		fault.pool.Pool != "two" || !strings.Contains(err.Error(), "open worker log: open "+lost) {
		t.Errorf("a folder that is not there: %v", err)
	}
	if n := len(logs.files); n != 2 || logs.files[shared].file.keep.Load() != 2 {
		t.Errorf("%d files are open, and the shared one keeps %d", n, logs.files[shared].file.keep.Load())
	}
	logs.close()
	text, err := os.ReadFile(shared)
	if want := "2026-01-02T02:04:05.678Z resize/w1[4711] one\n2026-01-02T02:04:05.678Z resize/w1[4711] two\n"; err != nil || string(text) != want {
		t.Errorf("%q (%v)", text, err)
	}
}

func TestLinesThatAFileIsTooSlowForAreDroppedAndCounted(t *testing.T) {
	blocked, writer := io.Pipe() // nobody reads yet
	const lines, fit = 1000, 10
	sink := newLogSink(writer, fit*(logLine+5))
	dropped := 0
	sink.note = func(n int) []byte {
		dropped += n
		return nil
	}
	for range lines {
		_, _ = sink.Write([]byte("line\n")) // never waits: it would do so for ever
	}
	read := make(chan int)
	go func() {
		text, _ := io.ReadAll(blocked) // ends with the writer
		read <- bytes.Count(text, []byte("\n"))
	}()
	if !sink.close(patience) {
		t.Error("it is not done")
	}
	writer.Close()
	// As many as fit were being written when nobody read, and as many waited behind them.
	if n := <-read; n < fit || n > 2*fit || n+dropped != lines {
		t.Errorf("%d of %d lines were written and %d dropped", n, lines, dropped)
	}
}
