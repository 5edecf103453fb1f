package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"

	"github.com/whipper-sidecar/whipper/internal/config"
	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/supervisor"
)

// workerLogs is where what workers print goes, for all pools of a supervisor. Nobody who prints waits for it.
type workerLogs struct {
	stderr io.Writer // takes a line without waiting
	json   bool      // the supervisor's own log is JSON
	log    *slog.Logger

	mu    sync.Mutex
	files map[string]*workerFile // by absolute path
}

// workerFile is a log that pools may share.
type workerFile struct {
	sink  *logSink
	file  *rotatedFile
	pools map[string]fileForm // how those that write it want it, by name
}

// fileForm is how a file is written.
type fileForm struct {
	most int
	keep int
	json bool
}

func newWorkerLogs(stderr io.Writer, json bool, log *slog.Logger) *workerLogs {
	return &workerLogs{stderr: stderr, json: json, log: log, files: map[string]*workerFile{}}
}

// output is the way of a pool's lines. several says that there are other pools, whose workers may have the same names. It may be
// called again for a pool whose settings have changed.
func (l *workerLogs) output(p *config.Pool, several bool) (func(supervisor.OutputLine), error) {
	asJSON := p.WorkerLogFormat == "json" || p.WorkerLogFormat == "auto" && l.json
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		delete(f.pools, p.Pool)
	}
	switch p.WorkerLog {
	case config.WorkerLogNone:
		return func(supervisor.OutputLine) {}, nil
	case config.WorkerLogStderr:
		return lineWriter(l.stderr, asJSON, several, false), nil
	}
	f, err := l.open(p, fileForm{p.WorkerLogMaxSize, p.WorkerLogKeep, asJSON})
	if err != nil {
		return nil, err
	}
	return lineWriter(f.sink, asJSON, several, true), nil
}

// open opens a pool's file, unless that has been done; mu is held.
func (l *workerLogs) open(p *config.Pool, form fileForm) (*workerFile, error) {
	path, err := filepath.Abs(p.WorkerLog)
	if err != nil {
		return nil, fmt.Errorf("open worker log: %w", err)
	}
	f := l.files[path]
	if f == nil {
		file, err := openRotatedFile(path, int64(form.most), form.keep, l.log)
		if err != nil {
			return nil, &failure{Code: exitUsage, Err: fmt.Errorf("open worker log: %w", err), Hint: "--worker-log names a file in a folder that is there, stderr or none"}
		}
		f = &workerFile{file: file, sink: newLogSink(file, logBuffer), pools: map[string]fileForm{}}
		f.sink.note = func(dropped int) []byte {
			l.log.Warn("lines of the worker log were dropped: the disk is too slow", "file", path, "lines", dropped)
			return nil
		}
		l.files[path] = f
	}
	for _, other := range f.pools {
		if other != form {
			return nil, misuse("give them a file each, or the same --worker-log-format, --worker-log-max-size and --worker-log-keep",
				"two pools write the worker log %s in different ways", p.WorkerLog)
		}
	}
	f.pools[p.Pool] = form
	f.file.limit(int64(form.most), form.keep)
	return f, nil
}

// close writes what waits for the files, for a moment.
func (l *workerLogs) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		if f.sink.close(logFlush) {
			_ = f.file.Close() // every line was written, or its loss was told
		}
	}
}

// lineWriter writes each line to w, by one Write.
func lineWriter(w io.Writer, asJSON, several, timed bool) func(supervisor.OutputLine) {
	return func(l supervisor.OutputLine) {
		var b []byte
		if asJSON {
			b = jsonLine(&l)
		} else {
			b = prefixedLine(&l, several, timed)
		}
		_, _ = w.Write(b) // a logSink never fails
	}
}

// prefixedLine is a line for people: its worker and pid, and what it says without what a terminal would obey.
func prefixedLine(l *supervisor.OutputLine, several, timed bool) []byte {
	var b []byte
	if timed {
		b = append(jsonrpc.Time{Time: l.At}.AppendTo(b), ' ')
	}
	if several {
		b = append(append(b, l.Pool...), '/')
	}
	b = fmt.Appendf(b, "%s[%d] %s", l.Worker, l.PID, printable(valid(l.Text)))
	if l.Cut > 0 {
		b = fmt.Appendf(b, " … (%s cut)", plural(l.Cut, "more byte"))
	}
	return append(b, '\n')
}

// jsonLine is a line for programs: an object, and nothing in it that a terminal would obey.
func jsonLine(l *supervisor.OutputLine) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(struct { // nothing in it can fail
		Time   jsonrpc.Time `json:"time"`
		Pool   string       `json:"pool"`
		Worker string       `json:"worker"`
		PID    int          `json:"pid"`
		Stream string       `json:"stream"`
		Line   string       `json:"line"`
		Cut    int          `json:"cut,omitempty"`
	}{jsonrpc.Time{Time: l.At}, l.Pool, l.Worker, l.PID, l.Stream, valid(l.Text), l.Cut})
	return []byte(escapeJSON(b.String()))
}

// valid is text with U+FFFD for what is no UTF-8.
func valid(text []byte) string { return strings.ToValidUTF8(string(text), "\uFFFD") }
