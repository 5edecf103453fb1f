package signals

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// MaxMethods is how many methods of a pool the metrics tell apart: those that come first. Calls of all others are counted as Other, since anybody may
// call any method, and each one costs a series for each outcome.
const MaxMethods = 100

// Pool counts what happens in one pool. Recording a method and outcome that were seen before allocates nothing.
type Pool struct {
	instruments *Instruments
	name        attribute.KeyValue
	own         []metric.AddOption // with the pool only

	mu      sync.RWMutex
	methods map[string]bool
	sets    map[series][]metric.RecordOption
	exits   map[string][]metric.AddOption // by reason, which is one of a few words
}

// series is what the calls of a pool are told apart by.
type series struct{ method, outcome string }

// Pool gives the counters of a pool. It is nil where nobody reads them.
func (i *Instruments) Pool(name string) *Pool {
	if i == nil {
		return nil
	}
	pool := PoolName.String(name)
	return &Pool{
		instruments: i, name: pool, own: []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(pool))},
		methods: map[string]bool{}, sets: map[series][]metric.RecordOption{}, exits: map[string][]metric.AddOption{},
	}
}

// Ran counts a call that a worker has had: how long it waited for that, how long it ran and how it ended. ctx has the run's span, for exemplars.
func (p *Pool) Ran(ctx context.Context, method, outcome string, waited, ran time.Duration) {
	if p == nil {
		return
	}
	how := p.options(method, outcome)
	p.instruments.wait.Record(ctx, waited.Seconds(), how...)
	p.instruments.duration.Record(ctx, ran.Seconds(), how...)
}

// Forked counts a process that was started.
func (p *Pool) Forked() {
	if p != nil {
		p.instruments.forks.Add(context.Background(), 1, p.own...)
	}
}

// Exited counts a process that has ended. reason is one of a few words.
func (p *Pool) Exited(reason string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	how := p.exits[reason]
	if how == nil {
		how = []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(p.name, ExitReason.String(reason)))}
		p.exits[reason] = how
	}
	p.mu.Unlock()
	p.instruments.exits.Add(context.Background(), 1, how...)
}

// Reset counts a process that was started in the place of another one.
func (p *Pool) Reset() {
	if p != nil {
		p.instruments.resets.Add(context.Background(), 1, p.own...)
	}
}

// Stray counts a line on a worker's stdout that is not JSON-RPC.
func (p *Pool) Stray() {
	if p != nil {
		p.instruments.strays.Add(context.Background(), 1, p.own...)
	}
}

// options gives the attributes of a call.
func (p *Pool) options(method, outcome string) []metric.RecordOption {
	if len(method) > mostMethod {
		method = Other
	}
	p.mu.RLock()
	if len(p.methods) >= MaxMethods && !p.methods[method] {
		method = Other
	}
	how := p.sets[series{method, outcome}]
	p.mu.RUnlock()
	if how != nil {
		return how
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.methods[method] && method != Other {
		if len(p.methods) >= MaxMethods { // others were faster
			method = Other
		} else {
			p.methods[method] = true
		}
	}
	key := series{method, outcome}
	if p.sets[key] == nil {
		p.sets[key] = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(p.name, RPCMethod.String(method), Outcome.String(outcome)))}
	}
	return p.sets[key]
}
