package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
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
	sent   slog.Handler // gets the lines too; nil: they are sent nowhere

	mu    sync.Mutex
	files map[string]*workerFile // by absolute path
}

// workerFile is a log that pools may share. It stays open when no pool writes it any more: processes of before still may.
type workerFile struct {
	sink *logSink
	file *rotatedFile
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

// outputs are the ways of the pools' lines, by the pools' names. several says that workers of different pools may have the same names.
// When the pools or their settings have changed it is called again, with all of them. A *poolFault says that nothing has changed.
func (l *workerLogs) outputs(pools []*config.Pool, several bool) (map[string]func(supervisor.OutputLine), error) {
	forms, err := l.forms(pools)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	opened := map[string]*workerFile{}
	for _, p := range pools {
		path, form := p.WorkerLog, forms[p.WorkerLog]
		if !toFile(p) || l.files[path] != nil || opened[path] != nil {
			continue
		}
		if opened[path], err = l.open(path, form); err != nil {
			delete(opened, path)
			for _, f := range opened {
				f.close()
			}
			return nil, &poolFault{p, "worker-log", err}
		}
	}
	maps.Copy(l.files, opened)
	for path, form := range forms {
		l.files[path].file.limit(int64(form.most), form.keep)
	}
	ways := map[string]func(supervisor.OutputLine){}
	for _, p := range pools {
		switch {
		case toFile(p):
			ways[p.Pool] = l.alsoSent(lineWriter(l.files[p.WorkerLog].sink, l.asJSON(p), several, true))
		case p.WorkerLog == config.WorkerLogNone:
			ways[p.Pool] = func(supervisor.OutputLine) {}
		default:
			ways[p.Pool] = l.alsoSent(lineWriter(l.stderr, l.asJSON(p), several, false))
		}
	}
	return ways, nil
}

// forms are how the pools want their files, by absolute path, which becomes the pools' own setting. Two that want one file in
// different ways are a *poolFault.
func (l *workerLogs) forms(pools []*config.Pool) (map[string]fileForm, error) {
	forms := map[string]fileForm{}
	for _, p := range pools {
		if !toFile(p) {
			continue
		}
		path, err := filepath.Abs(p.WorkerLog)
		if err != nil {
			return nil, &poolFault{p, "worker-log", fmt.Errorf("open worker log: %w", err)}
		}
		form := fileForm{p.WorkerLogMaxSize, p.WorkerLogKeep, l.asJSON(p)}
		if other, shared := forms[path]; shared && other != form {
			return nil, &poolFault{p, "worker-log", misuse("give them a file each, or the same --worker-log-format, --worker-log-max-size and --worker-log-keep",
				"two pools write the worker log %s in different ways", p.WorkerLog)}
		}
		p.WorkerLog, forms[path] = path, form
	}
	return forms, nil
}

func toFile(p *config.Pool) bool {
	return p.WorkerLog != config.WorkerLogNone && p.WorkerLog != config.WorkerLogStderr
}

func (l *workerLogs) open(path string, form fileForm) (*workerFile, error) {
	file, err := openRotatedFile(path, int64(form.most), form.keep, l.log)
	if err != nil {
		return nil, &failure{Code: exitUsage, Err: fmt.Errorf("open worker log: %w", err), Hint: "--worker-log names a file in a folder that is there, stderr or none"}
	}
	f := &workerFile{file: file, sink: newLogSink(file, logBuffer)}
	f.sink.note = func(dropped int) []byte {
		l.log.Warn("lines of the worker log were dropped: the disk is too slow", "file", path, "lines", dropped)
		return nil
	}
	return f, nil
}

func (l *workerLogs) asJSON(p *config.Pool) bool {
	return p.WorkerLogFormat == "json" || p.WorkerLogFormat == "auto" && l.json
}

// close writes what waits for the files, for a moment.
func (l *workerLogs) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		f.close()
	}
}

func (f *workerFile) close() {
	if f.sink.close(logFlush) {
		_ = f.file.Close() // every line was written, or its loss was told
	}
}

// alsoSent has lines be sent as log records too, if any are.
func (l *workerLogs) alsoSent(write func(supervisor.OutputLine)) func(supervisor.OutputLine) {
	if l.sent == nil {
		return write
	}
	return func(line supervisor.OutputLine) {
		write(line)
		r := slog.NewRecord(line.At, slog.LevelInfo, valid(line.Text), 0)
		r.AddAttrs(slog.String("pool", line.Pool), slog.String("worker", line.Worker), slog.Int("pid", line.PID), slog.String("stream", line.Stream))
		if line.Job != 0 {
			r.AddAttrs(slog.Int64("job", line.Job))
		}
		_ = l.sent.Handle(context.Background(), r) // what cannot be delivered is told by itself
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
		Job    int64        `json:"job,omitempty"`
		Stream string       `json:"stream"`
		Line   string       `json:"line"`
		Cut    int          `json:"cut,omitempty"`
	}{jsonrpc.Time{Time: l.At}, l.Pool, l.Worker, l.PID, l.Job, l.Stream, valid(l.Text), l.Cut})
	return []byte(escapeJSON(b.String()))
}

// valid is text with U+FFFD for what is no UTF-8.
func valid(text []byte) string { return strings.ToValidUTF8(string(text), "\uFFFD") }
