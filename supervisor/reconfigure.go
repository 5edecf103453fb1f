package supervisor

import (
	"fmt"
)

// Reconfigure gives the pool other options while it runs. How many workers there may be, what becomes of calls that find no slot,
// and which worker gets a call change at once; what a process is started with, and its time limits, change with the next process:
// Restart brings that about. Logger, Events, Tracing, Instruments and the name stay as they are. Options that are not valid change nothing.
func (p *Pool) Reconfigure(o Options) error {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if o.Pool != p.name {
		return fmt.Errorf("pool %q cannot become %q", p.name, o.Pool)
	}
	if p.stopping || p.phase == poolDraining {
		return shuttingDown(p.name)
	}
	o.Logger, o.Events, o.Tracing, o.Instruments = p.opts.Logger, p.opts.Events, p.opts.Tracing, p.opts.Instruments
	p.opts = o
	if n := o.MaxConcurrentCalls; n > 0 && !p.slotsKnown {
		p.slots, p.slotsKnown = n, true
	}
	p.limit(o.MethodConcurrency)
	p.fit()
	p.dispatch()
	p.wakeClaimer()
	p.wakeMemory() // there may be a limit now
	return nil
}
