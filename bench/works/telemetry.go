package works

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whipper-sidecar/whipper/bench/peers"
	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/bench/sidecar"
)

// clientWarmUp is how many calls bench/clients/node.mjs makes before those that it is told to.
const clientWarmUp = 2000

// traced is a work that is done with telemetry off, sampled and on.
type traced struct {
	name, settings string
	calls          int // in one turn, those that are not timed too
	spans          int // that these are, if all are sampled
	do             func(context.Context, *sidecar.Supervisor) (rate float64, err error)
}

// telemetry measures what it costs that traces, metrics and logs are sent to a collector by gRPC.
func (b *Bench) telemetry(ctx context.Context) error {
	jobs, calls, submits := b.sizes.jobs, b.sizes.calls+clientWarmUp, b.sizes.submits
	for _, w := range []traced{
		{
			"telemetry of durable jobs", fmt.Sprintf("%d jobs as in durable end to end, Node workers", jobs), jobs, 2*jobs + (jobs+batchJobs-1)/batchJobs,
			func(ctx context.Context, s *sidecar.Supervisor) (float64, error) {
				began := time.Now()
				err := submitAndWait(ctx, s.Client, jobs)
				return float64(jobs) / time.Since(began).Seconds(), err
			},
		},
		{
			"telemetry of invoke", fmt.Sprintf("%d calls as in invoke, Node client and workers", calls), calls, 3 * calls,
			func(ctx context.Context, s *sidecar.Supervisor) (float64, error) {
				client := b.nodeClient("--connect", s.Dir)
				f, err := client.Contender("", "invoke", peers.Settings{Calls: b.sizes.calls, Depth: depth, Workers: 2, Concurrency: pipeline}).Run(ctx)
				return f[result.Rate], err
			},
		},
		{
			"telemetry of submits", fmt.Sprintf("%d as in single submits", submits), submits, submits,
			func(ctx context.Context, s *sidecar.Supervisor) (float64, error) {
				if err := pause(ctx, s); err != nil {
					return 0, err
				}
				return flood(submits, submitDepth, func() error { return submitOne(ctx, s) })
			},
		},
	} {
		if err := b.measureTraced(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// measureTraced has all ways take turns, so that the ratios are those of one run.
func (b *Bench) measureTraced(ctx context.Context, t traced) error {
	w := b.report.Work(t.name, t.settings+"; all signals go by OTLP over gRPC to a collector in a process of its own, with the default queues")
	off := b.tracedContender("off", t, "OTEL_SDK_DISABLED=true")
	some := b.tracedContender("1 % sampled", t, "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.01")
	all := b.tracedContender("all sampled", t)
	if err := w.Take(ctx, b.sizes.turns, off, some, all); err != nil {
		return err
	}
	w.Compare(some.Name, result.Rate, off.Name, 0.95)
	w.Compare(all.Name, result.Rate, off.Name, 0.7)
	w.Compare(some.Name, result.Processor, off.Name, 0)
	w.Compare(all.Name, result.Processor, off.Name, 0)
	w.Hold(all.Name, result.Delivered, 0)
	return nil
}

// tracedContender does the work with variables beside those that name the collector.
func (b *Bench) tracedContender(name string, t traced, variables ...string) *result.Contender {
	return &result.Contender{Name: name, Kind: result.Ours, Run: func(ctx context.Context) (f result.Figures, err error) {
		collector, err := sidecar.StartCollector(ctx, b.sink)
		if err != nil {
			return nil, err
		}
		env := append([]string{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.Endpoint}, variables...)
		f, err = b.with(ctx, b.node, 2, pipeline, env, func(s *sidecar.Supervisor) (result.Figures, error) {
			before, err := sidecar.UsageOf(s.PID())
			if err != nil {
				return nil, err
			}
			rate, err := t.do(ctx, s)
			if err != nil {
				return nil, err
			}
			after, err := sidecar.UsageOf(s.PID())
			return result.Figures{
				result.Rate:      rate,
				result.Processor: (after.Processor - before.Processor).Seconds() / float64(t.calls),
				result.Memory:    float64(after.Peak),
			}, err
		})
		spans, ended := collector.End()
		if err := errors.Join(err, ended); err != nil {
			return nil, err
		}
		f[result.Delivered] = float64(spans) / float64(t.spans)
		return f, nil
	}}
}
