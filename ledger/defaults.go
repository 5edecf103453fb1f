package ledger

import (
	"fmt"
	"math"
	"time"
)

// withDefaults fills what the submitter left open.
func (j Job) withDefaults(now time.Time) Job {
	if j.State == "" {
		j.State = Queued
	}
	if j.Delivery == "" {
		j.Delivery = AtLeastOnce
	}
	if j.Origin == "" {
		j.Origin = FromSubmit
	}
	if j.MaxAttempts == 0 {
		j.MaxAttempts = DefaultMaxAttempts
		if j.Origin == FromInvoke {
			j.MaxAttempts = 1
		}
	}
	if j.CreatedAt.IsZero() {
		j.CreatedAt = now
	}
	if j.RunAt.IsZero() {
		j.RunAt = j.CreatedAt
	}
	j.Backoff = j.Backoff.withDefaults()
	return j
}

// validate reports everything about a job that cannot be meant, each problem with the field and its value.
func (j *Job) validate() []string {
	var problems []string
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if j.Pool == "" {
		wrong("pool is empty")
	}
	if j.Method == "" {
		wrong("method is empty")
	}
	if j.State != Queued {
		wrong("state is %q, but a submitted job begins queued", j.State)
	}
	if j.Priority < MinPriority || j.Priority > MaxPriority {
		wrong("priority is %d, but must be %d to %d", j.Priority, MinPriority, MaxPriority)
	}
	if j.MaxAttempts < 1 || j.MaxAttempts > MostAttempts {
		wrong("max attempts is %d, but must be 1 to %d", j.MaxAttempts, MostAttempts)
	}
	if len(j.ConcurrencyKey) > MaxConcurrencyKey {
		wrong("concurrency key has %d bytes, but may have %d", len(j.ConcurrencyKey), MaxConcurrencyKey)
	}
	if j.Timeout < 0 {
		wrong("timeout is %v, but must not be negative", j.Timeout)
	}
	if j.Delivery != AtLeastOnce && j.Delivery != AtMostOnce {
		wrong("delivery is %q, but must be %q or %q", j.Delivery, AtLeastOnce, AtMostOnce)
	}
	if j.Origin != FromSubmit && j.Origin != FromInvoke {
		wrong("origin is %q, but must be %q or %q", j.Origin, FromSubmit, FromInvoke)
	}
	b := j.Backoff
	if b.Base < 0 || b.Cap < 0 {
		wrong("backoff base %v and cap %v must not be negative", b.Base, b.Cap)
	}
	if !(b.Factor >= 1) || math.IsInf(b.Factor, 0) { // also NaN
		wrong("backoff factor is %v, but must be at least 1", b.Factor)
	}
	if !(b.Jitter >= 0 && b.Jitter <= 1) {
		wrong("backoff jitter is %v, but must be 0 to 1", b.Jitter)
	}
	return problems
}
