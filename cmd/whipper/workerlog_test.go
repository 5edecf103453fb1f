package main

import (
	"bytes"
	"encoding/json"
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
		output, err := newWorkerLogs(&out, c.jsonLog, slog.New(slog.DiscardHandler)).output(p, c.several)
		if err != nil {
			t.Fatal(err)
		}
		output(c.line)
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
	output, err := newWorkerLogs(&out, false, slog.New(slog.DiscardHandler)).output(p, false)
	if err != nil {
		t.Fatal(err)
	}
	output(printed("hello", 0))
	if out.Len() != 0 {
		t.Errorf("%q was written", &out)
	}
}

func TestPoolsMayShareAFileIfTheyWriteItAlike(t *testing.T) {
	dir := t.TempDir()
	logs := newWorkerLogs(io.Discard, false, slog.New(slog.DiscardHandler))
	one, two, other := config.NewPool(), config.NewPool(), config.NewPool()
	for name, p := range map[string]*config.Pool{"one": one, "two": two, "other": other} {
		p.Pool, p.WorkerLog = name, filepath.Join(dir, "workers.log")
	}
	other.WorkerLogKeep = 2
	first, err := logs.output(one, true)
	if err != nil {
		t.Fatal(err)
	}
	second, err := logs.output(two, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := logs.output(other, true); err == nil || !strings.Contains(err.Error(), "in different ways") {
		t.Errorf("a pool with other settings: %v", err)
	}
	one.WorkerLog, two.WorkerLogKeep = filepath.Join(dir, "own.log"), 2
	if _, err := logs.output(one, true); err != nil {
		t.Errorf("a pool goes elsewhere: %v", err)
	}
	if _, err := logs.output(two, true); err != nil {
		t.Errorf("the other one, alone now, changes its settings: %v", err)
	}
	if _, err := logs.output(other, true); err != nil {
		t.Errorf("a pool with the same settings: %v", err)
	}
	first(printed("one", 0)) // by a process that was started before
	second(printed("two", 0))
	logs.close()
	text, err := os.ReadFile(filepath.Join(dir, "workers.log"))
	if want := "2026-01-02T02:04:05.678Z resize/w1[4711] one\n2026-01-02T02:04:05.678Z resize/w1[4711] two\n"; err != nil || string(text) != want {
		t.Errorf("%q (%v)", text, err)
	}
	lost := config.NewPool()
	lost.WorkerLog = filepath.Join(dir, "nowhere", "workers.log")
	if _, err := logs.output(lost, false); err == nil || !strings.Contains(err.Error(), "open worker log: open "+lost.WorkerLog) {
		t.Errorf("a folder that is not there: %v", err)
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
