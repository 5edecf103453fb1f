package supervisor

import "container/heap"

// queue orders waiting calls: the higher priority first, then the earlier arrival.
type queue struct {
	calls []*call
	bytes int // of their params
}

func (q *queue) Len() int { return len(q.calls) }

func (q *queue) Less(i, j int) bool {
	a, b := q.calls[i], q.calls[j]
	if a.job.Priority != b.job.Priority {
		return a.job.Priority > b.job.Priority
	}
	return a.seq < b.seq
}

func (q *queue) Swap(i, j int) {
	q.calls[i], q.calls[j] = q.calls[j], q.calls[i]
	q.calls[i].index, q.calls[j].index = i, j
}

// Push is for package heap; use add.
func (q *queue) Push(x any) {
	c := x.(*call)
	c.queue, c.index = q, len(q.calls)
	q.calls = append(q.calls, c)
	q.bytes += len(c.job.Params)
}

// Pop is for package heap; use take.
func (q *queue) Pop() any {
	last := len(q.calls) - 1
	c := q.calls[last]
	q.calls[last] = nil
	q.calls = q.calls[:last]
	c.queue = nil
	q.bytes -= len(c.job.Params)
	return c
}

func (q *queue) add(c *call) { heap.Push(q, c) }

// first is the call that take would give, or nil.
func (q *queue) first() *call {
	if len(q.calls) == 0 {
		return nil
	}
	return q.calls[0]
}

func (q *queue) take() *call { return heap.Pop(q).(*call) }

// last is the call that take would give after all others, or nil.
func (q *queue) last() *call {
	if len(q.calls) == 0 {
		return nil
	}
	at := 0
	for i := range q.calls {
		if q.Less(at, i) {
			at = i
		}
	}
	return q.calls[at]
}

// takeLast takes out what last gives.
func (q *queue) takeLast() *call {
	c := q.last()
	q.remove(c)
	return c
}

// remove takes out c, wherever it stands.
func (q *queue) remove(c *call) { heap.Remove(q, c.index) }

// clear empties the queue and gives what was in it, in no order.
func (q *queue) clear() []*call {
	calls := q.calls
	q.calls, q.bytes = nil, 0
	for _, c := range calls {
		c.queue = nil
	}
	return calls
}
