package whipper

import (
	"context"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// PutSchedule has jobs submitted at the times of a cron expression, and returns once that is on disk. It replaces a schedule of the same
// name; with the same expression and time zone that changes none of its times. What cannot be meant, as an expression that cannot be
// read, is an *Error with CodeInvalidArgument.
func (c *Client) PutSchedule(ctx context.Context, p SchedulePutParams) (SchedulePutResult, error) {
	if p.Traceparent == "" {
		own := traced(ctx, Trace{})
		p.Traceparent, p.Tracestate = own.Traceparent, own.Tracestate
	}
	return ask[SchedulePutResult](ctx, c, jsonrpc.MethodSchedulePut, p)
}

// Schedules lists schedules, by name: all, or as many as Limit says or fit into an answer. NextCursor is then the Cursor of the next page.
func (c *Client) Schedules(ctx context.Context, p ScheduleListParams) (ScheduleListResult, error) {
	return ask[ScheduleListResult](ctx, c, jsonrpc.MethodScheduleList, p)
}

// DeleteSchedules deletes schedules, all or none. Their jobs stay. A name that there is no schedule of is an *Error with CodeNotFound.
func (c *Client) DeleteSchedules(ctx context.Context, p ScheduleDeleteParams) (CountResult, error) {
	return call[CountResult](ctx, c, jsonrpc.MethodScheduleDelete, p)
}
