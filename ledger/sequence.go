package ledger

import (
	"context"
	"database/sql/driver"
	"sync"
)

// idBlock is how many ids are reserved ahead. A crash skips at most so many.
const idBlock = 8192

const (
	sequenceSQL = `SELECT max(n, (SELECT ifnull(max(id), 0) + 1 FROM job)) FROM counter WHERE name = 'job_id'`
	reserveSQL  = `UPDATE counter SET n = ? WHERE name = 'job_id'`
)

// sequence gives out job ids. Those below limit are reserved on disk, so that no later process gives them out again;
// the writer moves limit on in whatever transaction comes before they run out.
type sequence struct {
	mu    sync.Mutex
	next  int64
	limit int64
	block int64 // idBlock, but for tests
	asked bool  // a commit that moves limit on has been asked for
}

// loadSequence reads where the last process stopped.
func loadSequence(c *conn) (*sequence, error) {
	s := &sequence{block: idBlock}
	err := c.query(sequenceSQL, func(values []driver.Value) error {
		s.next, _ = values[0].(int64)
		return nil
	})
	s.limit = s.next
	return s, err
}

// take gives out an id within the reserved block. ask says that the caller is the first to find the block running out.
func (s *sequence) take() (id int64, ok, ask bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next < s.limit {
		id, ok = s.next, true
		s.next++
	}
	if s.limit-s.next < s.block/4 && !s.asked {
		s.asked, ask = true, true
	}
	return id, ok, ask
}

// draw gives out an id to the writer, whose transaction reserves it if need be.
func (s *sequence) draw() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.next
	s.next++
	return id
}

// due returns the limit that the transaction at hand should write, or 0 if there is enough left.
func (s *sequence) due() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limit-s.next >= s.block/2 {
		return 0
	}
	return s.next + s.block
}

// reserved takes note that a limit is on disk, or, where it is 0, that none was written.
func (s *sequence) reserved(limit int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = max(s.limit, limit)
	s.asked = false
}

// raise makes sure that no id up to highest is given out any more. The transaction at hand writes that.
func (s *sequence) raise(highest int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = max(s.next, highest+1)
}

// end gives the rest of the block back: it returns the next id, and no id is given out any more.
func (s *sequence) end() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = 0
	return s.next
}

// LastID returns the highest id that was given out, 0 if none was.
func (l *Ledger) LastID() int64 {
	l.ids.mu.Lock()
	defer l.ids.mu.Unlock()
	return l.ids.next - 1
}

// NextID returns an id for a job that is inserted later. Ids rise, and none is ever given out twice, whether or not the
// job is inserted and even if the process is killed. It waits for the disk only where the reserved ids have run out, or where so
// many changes wait for the disk that there must not be more.
func (l *Ledger) NextID(ctx context.Context) (int64, error) {
	if err := l.writer.room(ctx); err != nil {
		return 0, err
	}
	for {
		id, ok, ask := l.ids.take()
		if ask {
			l.writer.put(&op{kind: opNothing})
		}
		if ok {
			return id, nil
		}
		if err := l.writer.do(ctx, 1, func(*batch) error { return nil }); err != nil {
			return 0, err
		}
	}
}
