package main

import (
	"context"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// showProgress draws a bar of the time on stderr, if that is a terminal, until it is told to stop.
func showProgress(began time.Time, whole time.Duration, stages []*stage) (stop func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	all := mpb.NewWithContext(ctx, mpb.WithOutput(os.Stderr), mpb.WithWidth(50))
	bar := all.AddBar(int64(whole), mpb.AppendDecorators(decor.AverageETA(decor.ET_STYLE_GO), decor.Any(func(decor.Statistics) string {
		return " " + glance(stages)
	})))
	go func() {
		for tick := time.NewTicker(time.Second); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
				bar.SetCurrent(min(int64(time.Since(began)), int64(whole)-1)) // it ends by stop
			}
		}
	}()
	return func() {
		bar.Abort(true)
		all.Wait()
		cancel()
	}
}
