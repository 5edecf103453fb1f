package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// watch turns the signals that end a supervisor into the end of a context, and a second one into a closed channel.
type watch struct {
	kill chan struct{} // closed at the second signal

	drain   context.CancelCauseFunc
	signals chan os.Signal
	pipe    chan os.Signal
	done    chan struct{}
}

// reason is why a supervisor drains.
type reason string

func (r reason) Error() string { return string(r) }

// watchSignals watches until close. The context ends at the first signal or when the parent is gone.
func watchSignals(ctx context.Context) (context.Context, *watch) {
	w := &watch{
		kill:    make(chan struct{}),
		signals: make(chan os.Signal, 2),
		pipe:    make(chan os.Signal, 1),
		done:    make(chan struct{}),
	}
	ctx, w.drain = context.WithCancelCause(ctx)
	signal.Notify(w.signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signal.Notify(w.signals, syscall.SIGHUP)
	}
	// Whoever read our stderr may go away without ending us. Caught, not ignored: the workers would inherit that.
	signal.Notify(w.pipe, syscall.SIGPIPE)
	go w.run()
	return ctx, w
}

func (w *watch) run() {
	defer close(w.done)
	if s, ok := <-w.signals; ok {
		w.drain(reason("got " + s.String()))
	}
	if _, ok := <-w.signals; ok {
		close(w.kill)
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
	signal.Stop(w.signals)
	signal.Stop(w.pipe)
	close(w.signals)
	<-w.done
	w.drain(nil)
}
