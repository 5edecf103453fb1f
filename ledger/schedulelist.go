package ledger

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
)

const (
	allSchedulesSQL  = scheduleSelect + ` ORDER BY name`
	nextSchedulesSQL = scheduleSelect + ` WHERE name > ? ORDER BY name`
	bareSchedulesSQL = scheduleBareSelect + ` WHERE name > ? ORDER BY name`
)

// SchedulePage says which schedules a page holds.
type SchedulePage struct {
	Limit    int    // schedules; 0: any number
	Cursor   string // what the page before returned as next; "": the first page
	Payloads bool   // with Params, which are nil otherwise
	MaxBytes int    // the schedules, at least one, hold so many bytes at most; 0: any number
}

// Schedules returns all schedules, by name.
func (r *Reader) Schedules(ctx context.Context) ([]Schedule, error) {
	return r.schedules(ctx, allSchedulesSQL)
}

// ListSchedules returns a page of schedules, by name. next continues after it, and is "" on the last page. No more is read than the page holds, and
// one schedule.
func (r *Reader) ListSchedules(ctx context.Context, p SchedulePage) (page []Schedule, next string, err error) {
	after, dressed := strings.CutPrefix(p.Cursor, scheduleCursorMark)
	if p.Cursor != "" && !dressed {
		return nil, "", fmt.Errorf("cursor %q: %w", p.Cursor, ErrCursor)
	}
	text := bareSchedulesSQL
	if p.Payloads {
		text = nextSchedulesSQL
	}
	size := 0
	rows, err := r.stmt[text].QueryContext(ctx, after)
	err = eachRow(rows, err, scheduleWidth+1, func(values []driver.Value) error {
		s, err := scanSchedule(values)
		if err != nil {
			return err
		}
		size += s.size()
		if n := len(page); n > 0 && (p.Limit > 0 && n == p.Limit || p.MaxBytes > 0 && size > p.MaxBytes) {
			next = scheduleCursorMark + page[n-1].Name
			return errStop
		}
		page = append(page, s)
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("read schedules: %w", err)
	}
	return page, next, nil
}

// A cursor is the last name of a page, dressed so that an empty one is none.
const scheduleCursorMark = "s"

// size is about how many bytes a schedule holds, and more than its row of numbers and times has as JSON.
func (s *Schedule) size() int {
	n := rowSize + len(s.Name) + len(s.Pool) + len(s.Method) + len(s.Spec) + len(s.Timezone) + len(s.ConcurrencyKey) + len(s.Params)
	for name, value := range s.Labels {
		n += len(name) + len(value)
	}
	return n
}
