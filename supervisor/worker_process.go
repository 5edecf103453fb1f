package supervisor

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// recordAtMost bounds how long a new process waits to be put on record.
const recordAtMost = 5 * time.Second

// spawn starts a process and greets it.
func (w *worker) spawn() {
	w.cork.Release() // a fork and a commit take their time
	w.opts = w.pool.options()
	w.handshake = newHandshake(w.opts, w.pool.name, w.id)
	w.incarnation++
	w.wasReady, w.proven, w.faulty, w.told = false, false, false, false
	w.hungUp, w.helloID, w.endReason = nil, 0, ""
	incarnation, hand := w.incarnation, w.handshake
	p, err := w.pool.launch(w.opts, w.environ, w.print)
	if err != nil {
		w.log.Error("worker did not start", "error", err)
		w.startErr = err
		w.fire(onExited)
		return
	}
	if w.opts.KillTree {
		p.tree = &tree{mark: w.processMark()}
		if err := adoptOrphans(); err != nil {
			w.log.Error("what the worker starts may outlive it", "pid", p.pid, "error", err)
		}
	}
	w.process = p
	w.pool.started(w, p)
	record := w.putOnRecord(p.pid)
	post := func(e event, k *jsonrpc.Cork) {
		e.incarnation = incarnation
		w.post(e, k)
	}
	w.conn = jsonrpc.NewConn(p.stdio, jsonrpc.HandlerFunc(func(c *jsonrpc.Conn, r *jsonrpc.Request) {
		w.serve(c, r, hand, p.pid, post)
	}), jsonrpc.Options{
		Framing:        w.opts.Framing,
		MaxMessageSize: w.opts.MaxMessageSize,
		StallTimeout:   w.opts.InvocationTimeout + w.opts.FlushTimeout,
		Stray:          func(frame []byte, code int64, why string) { w.stray(p.pid, frame, code, why, post) },
		Framed:         p.stdio.in.framed,
		WriteFailed: func(err error) {
			post(event{kind: broken, err: fmt.Errorf("stdin cannot be written to: %w", err)}, nil)
		},
	})
	conn := w.conn
	go func() { // ends with the connection
		<-conn.Done()
		post(event{kind: broken, err: errStdoutClosed}, nil)
	}()
	go func() { // ends with the process; run waits for its event
		e := p.wait(conn.Done())
		if e.left != nil {
			w.log.Error("what the worker has started is still running", "pid", p.pid, "error", e.left)
		}
		_ = conn.Close()
		w.pool.ledger.ForgetProcess(record)
		post(event{kind: exited, exit: &e}, nil)
	}()
	w.limitState(w.opts.ReadyTimeout)
	w.greet()
}

// putOnRecord has the next supervisor find the process, should this one die.
func (w *worker) putOnRecord(pid int) ledger.Process {
	record := ledger.Process{PID: pid, StartTicks: startTicks(pid), BootID: w.pool.bootID, Pool: w.pool.name, Worker: w.id}
	ctx, cancel := context.WithTimeout(context.Background(), recordAtMost)
	defer cancel()
	if err := w.pool.ledger.RecordProcess(ctx, record); err != nil {
		w.log.Warn("process is not on record", "pid", pid, "error", err) // it dies with the supervisor all the same
	}
	return record
}

// shutdown asks the process to end. SIGTERM and SIGKILL follow.
func (w *worker) shutdown() {
	w.told = true
	w.process.remember()
	limit := w.opts.ForceKillTimeout
	w.limitState(limit)
	w.termAt = time.Now().Add(min(limit/2, time.Second))
	w.limit(w.termAt)
	w.parting = w.handshake.closing
	w.farewell()
}

// stray gets output that is no message, on the reader's goroutine: the worker's log, or an answer that cannot be passed on.
func (w *worker) stray(pid int, frame []byte, code int64, why string, post func(event, *jsonrpc.Cork)) {
	if code == jsonrpc.CodeMessageTooLarge || code == jsonrpc.CodeParseError && bytes.Contains(frame, []byte(`"jsonrpc"`)) {
		if id, ok := jsonrpc.CutCallID(frame); ok {
			fault := jsonrpc.Errorf(code, "the worker's answer cannot be passed on: %s", why)
			if code == jsonrpc.CodeMessageTooLarge {
				fault = jsonrpc.Errorf(code, "the worker's answer is larger than %d bytes; raise --max-message-size or return less", w.opts.MaxMessageSize)
			}
			post(event{kind: unusable, id: id, fault: fault}, nil)
			return
		}
	}
	w.strays.Add(1)
	w.pool.counters.strays.Add(1)
	w.pool.metrics.Stray()
	w.pool.counters.changed()
	if code != jsonrpc.CodeMessageTooLarge && code != jsonrpc.CodeStrayAnswer {
		for line := range bytes.Lines(frame) { // a frame of a content-length may have several
			text, cut := shorten(bytes.TrimRight(line, "\r\n"))
			w.print(pid, streamStdout, text, cut)
		}
		return
	}
	w.log.Warn("stray output on the worker's stdout", "pid", pid, "reason", why, "bytes", len(frame))
}
