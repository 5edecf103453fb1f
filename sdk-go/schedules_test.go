package whipper_test

import (
	"errors"
	"testing"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

func TestSchedulesArePutListedAndDeleted(t *testing.T) {
	c, ctx := connect(t)
	put, err := c.PutSchedule(ctx, whipper.SchedulePutParams{Name: "s", Spec: "@every 1s", Method: "sayHi", Params: args(t, "Ted")})
	if err != nil || put.Replaced || put.Schedule.NextAt == nil {
		t.Fatalf("%+v: %v", put, err)
	}
	list, err := c.Schedules(ctx, whipper.ScheduleListParams{Payloads: true})
	if err != nil || len(list.Schedules) != 1 || string(list.Schedules[0].Params) != `["Ted"]` {
		t.Errorf("%+v: %v", list, err)
	}
	var refused *whipper.Error
	if _, err := c.PutSchedule(ctx, whipper.SchedulePutParams{Name: "s", Spec: "never", Method: "sayHi"}); !errors.As(err, &refused) || refused.Code != whipper.CodeInvalidArgument {
		t.Errorf("got %v", err)
	}
	if _, err := c.DeleteSchedules(ctx, whipper.ScheduleDeleteParams{Names: []string{"t"}}); !errors.As(err, &refused) || refused.Code != whipper.CodeNotFound {
		t.Errorf("got %v", err)
	}
	count, err := c.DeleteSchedules(ctx, whipper.ScheduleDeleteParams{Names: []string{"s"}})
	if err != nil || count.Count != 1 {
		t.Errorf("%+v: %v", count, err)
	}
}
