package main

import (
	"io"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress is a bar on a terminal, and nothing elsewhere.
type progress struct {
	all *mpb.Progress
	bar *mpb.Bar
}

// newProgress draws a bar on w. A total of 0 is unknown: the count alone is shown.
func newProgress(w io.Writer, what string, total int64) *progress {
	if !obeysEscapes(w) {
		return &progress{}
	}
	p := mpb.New(mpb.WithOutput(w), mpb.WithWidth(50))
	if total == 0 {
		return &progress{p, p.New(0, mpb.NopStyle(), mpb.PrependDecorators(decor.CurrentNoUnit("%d "+what)))}
	}
	eta := decor.AverageETA(decor.ET_STYLE_GO)
	return &progress{p, p.AddBar(total,
		mpb.PrependDecorators(decor.CountersNoUnit("%d / %d "+what)),
		mpb.AppendDecorators(decor.Any(func(s decor.Statistics) string {
			if s.Current == 0 || s.Completed { // nothing to reckon with, or nothing to come
				return ""
			}
			left, _ := eta.Decor(s)
			return left
		})))}
}

func (p *progress) add(n int) {
	if p.bar != nil {
		p.bar.IncrBy(n)
	}
}

// stop leaves the bar as it is and waits until it is drawn.
func (p *progress) stop() {
	if p.bar != nil {
		p.bar.Abort(false) // does nothing to a bar that is full
		p.all.Wait()
	}
}
