package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// watch turns signals into what a supervisor is to do. SIGTERM and SIGINT end a context, and a second one closes a channel. SIGHUP
// asks for a rolling restart, unless it comes because the terminal is gone: then it ends the context too (ADR 21). SIGQUIT asks for
// the state.
type watch struct {
	kill  chan struct{}  // closed at the second signal
	rolls chan struct{}  // holds one token while a rolling restart is asked for
	quits chan os.Signal // SIGQUIT

	drain    context.CancelCauseFunc
	terminal terminal
	signals  chan os.Signal
	hangups  chan os.Signal
	pipe     chan os.Signal
	done     chan struct{}
}

// reason is why a supervisor drains.
type reason string

func (r reason) Error() string { return string(r) }

// goneSoon is how long after its SIGHUP a terminal may take to be gone: where the session's leader exits, the kernel sends the signal
// first and takes the terminal away then.
const goneSoon = 100 * time.Millisecond

// watchSignals watches until close. The context ends when the supervisor is to drain, or when the parent is gone.
func watchSignals(ctx context.Context) (context.Context, *watch) {
	w := &watch{
		kill:     make(chan struct{}),
		rolls:    make(chan struct{}, 1),
		terminal: ownTerminal(),
		signals:  make(chan os.Signal, 2),
		hangups:  make(chan os.Signal, 1),
		quits:    make(chan os.Signal, 1),
		pipe:     make(chan os.Signal, 1),
		done:     make(chan struct{}),
	}
	ctx, w.drain = context.WithCancelCause(ctx)
	signal.Notify(w.signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signal.Notify(w.hangups, syscall.SIGHUP)
	}
	signal.Notify(w.quits, syscall.SIGQUIT)
	// Whoever read our stderr may go away without ending us. Caught, not ignored: the workers would inherit that.
	signal.Notify(w.pipe, syscall.SIGPIPE)
	go w.run()
	return ctx, w
}

func (w *watch) run() {
	defer close(w.done)
	var look <-chan time.Time
	for ended := 0; ; {
		select {
		case s, ok := <-w.signals:
			if !ok {
				return
			}
			if ended++; ended == 2 {
				close(w.kill)
			}
			w.drain(reason("got " + s.String()))
		case <-w.hangups:
			if w.terminal.had {
				look = time.After(goneSoon)
			} else {
				w.roll()
			}
		case <-look:
			look = nil
			if w.terminal.gone() {
				w.drain(reason("the terminal is gone"))
			} else {
				w.roll()
			}
		}
	}
}

// roll asks for a rolling restart, unless one is asked for already that has not begun.
func (w *watch) roll() {
	select {
	case w.rolls <- struct{}{}:
	default:
	}
}

// stdin starts the drain when r ends. Its goroutine ends with r or with the process: a read cannot be called off.
func (w *watch) stdin(r io.Reader) {
	go func() {
		_, _ = io.Copy(io.Discard, r)
		w.drain(reason("the parent process is gone"))
	}()
}

func (w *watch) close() {
	for _, c := range []chan os.Signal{w.signals, w.hangups, w.quits, w.pipe} {
		signal.Stop(c)
	}
	close(w.signals)
	<-w.done
	w.drain(nil)
}
