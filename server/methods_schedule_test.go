package server

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestSchedulesArePutListedAndDeleted(t *testing.T) {
	r := serveFake(t, &fakePool{})
	c := r.dial()
	var put jsonrpc.SchedulePutResult
	c.must("schedule.put", `{"name":"nightly","spec":"0 3 * * *","timezone":"Europe/Berlin","overlap":"queue","missed":"skip","jitterMs":60000,`+
		`"method":"clean","params":[1,2],"timeoutMs":5000,"priority":3,"maxAttempts":7,"backoff":{"baseMs":5,"factor":3,"capMs":50,"jitter":0.5},`+
		`"delivery":"at-most-once","labels":{"a":"b"}}`, &put)
	if put.Replaced || put.Schedule.NextAt == nil || put.Schedule.Pool != "default" {
		t.Errorf("%+v", put)
	}
	var list jsonrpc.ScheduleListResult
	c.must("schedule.list", `{"payloads":true}`, &list)
	if diff := cmp.Diff([]jsonrpc.Schedule{put.Schedule}, list.Schedules); diff != "" {
		t.Error(diff)
	}
	if got := string(list.Schedules[0].Params); got != "[1,2]" {
		t.Errorf("params came back as %s", got)
	}
	var again jsonrpc.SchedulePutResult
	c.must("schedule.put", `{"name":"nightly","spec":"@every 1h","pool":"default","method":"clean"}`, &again)
	if got := again.Schedule; !again.Replaced || got.Timezone != "UTC" || got.Overlap != "skip" || got.Missed != "once" || got.MaxAttempts != ledger.DefaultMaxAttempts || got.Backoff != nil {
		t.Errorf("%+v", again)
	}
	list = jsonrpc.ScheduleListResult{}
	c.must("schedule.list", "", &list)
	if len(list.Schedules) != 1 || list.Schedules[0].Params != nil {
		t.Errorf("%+v", list)
	}
	if e := c.call("schedule.delete", `{"names":["nightly","nowhere"]}`).Error; e == nil || e.Code != jsonrpc.CodeNotFound || !strings.Contains(e.Message, `there is no schedule "nowhere"`) {
		t.Errorf("got %v", e)
	}
	var count jsonrpc.CountResult
	c.must("schedule.delete", `{"names":["nightly"]}`, &count)
	c.must("schedule.list", "", &list)
	if count.Count != 1 || len(list.Schedules) != 0 {
		t.Errorf("%+v of %+v", count, list)
	}
}

func TestSchedulesThatDoNotFitIntoAnAnswerComeInPages(t *testing.T) {
	c := serveFake(t, &fakePool{}).dial()
	params := `,"params":["` + strings.Repeat("x", 500<<10) + `"]` // one fits, two do not
	names := []string{"a", "b", "c"}
	for _, name := range names {
		var put jsonrpc.SchedulePutResult
		c.must("schedule.put", `{"name":"`+name+`","spec":"@every 1h","method":"m"`+params+`}`, &put)
	}
	pages := func(members string) (all []string) {
		for cursor := ""; ; {
			var page jsonrpc.ScheduleListResult
			c.must("schedule.list", `{`+members+`,"cursor":"`+cursor+`"}`, &page)
			for _, s := range page.Schedules {
				all = append(all, s.Name)
			}
			if cursor = page.NextCursor; cursor == "" {
				return all
			}
			all = append(all, "|")
		}
	}
	for members, want := range map[string][]string{
		`"payloads":true`:           {"a", "|", "b", "|", "c"},
		`"payloads":false`:          names,
		`"payloads":true,"limit":1`: {"a", "|", "b", "|", "c"},
		`"limit":2`:                 {"a", "b", "|", "c"},
		`"limit":3`:                 names,
	} {
		if diff := cmp.Diff(want, pages(members)); diff != "" {
			t.Errorf("%s: %s", members, diff)
		}
	}
	for _, params := range []string{`{"limit":1001}`, `{"limit":-1}`, `{"cursor":"j1"}`} {
		if e := c.call("schedule.list", params).Error; e == nil || e.Code != jsonrpc.CodeInvalidParams {
			t.Errorf("%s: %v", params, e)
		}
	}
}

func TestAScheduleThatCannotBeMeantIsRefusedByMemberWithTheFix(t *testing.T) {
	c := serveFake(t, &fakePool{}).dial()
	long := strings.Repeat("x", 201)
	for _, test := range []struct {
		members string // instead of, or besides, those of one that is right
		code    int64
		want    string
	}{
		{`"spec":"0 99 * * *"`, jsonrpc.CodeInvalidArgument, `spec: cron expression "0 99 * * *": hour "99" cannot be read`},
		{`"spec":"0 99 * * *"`, jsonrpc.CodeInvalidArgument, "it may be 0 to 23"},
		{`"spec":""`, jsonrpc.CodeInvalidArgument, "5 are wanted"},
		{`"timezone":"Mars"`, jsonrpc.CodeInvalidArgument, `timezone: there is no time zone "Mars": give an IANA name`},
		{`"overlap":"both"`, jsonrpc.CodeInvalidArgument, `overlap: "both" is neither "skip" (the default) nor "queue"`},
		{`"missed":"all"`, jsonrpc.CodeInvalidArgument, `missed: "all" is neither "once" (the default) nor "skip"`},
		{`"jitterMs":-1`, jsonrpc.CodeInvalidArgument, "jitterMs: -1 is outside 0 to 86400000 (24h0m0s)"},
		{`"labels":{"schedule":"x"}`, jsonrpc.CodeInvalidArgument, `labels: "schedule" is the label that names the schedule`},
		{`"name":"` + long + `"`, jsonrpc.CodeInvalidArgument, "name: it has 201 bytes, and may have 200"},
		{`"name":""`, jsonrpc.CodeInvalidParams, "name: missing"},
		{`"method":""`, jsonrpc.CodeInvalidParams, "method: missing"},
		{`"params":5`, jsonrpc.CodeInvalidParams, "params: 5 is neither"},
		{`"maxAttempts":-1`, jsonrpc.CodeInvalidParams, "maxAttempts: -1 is outside"},
		{`"pool":"other"`, jsonrpc.CodeNotFound, `no pool is named "other"`},
		{`"cron":"* * * * *"`, jsonrpc.CodeInvalidParams, `unknown field "cron"`},
	} {
		members := []string{test.members}
		for _, right := range []string{`"name":"n"`, `"spec":"* * * * *"`, `"method":"m"`} {
			if name, _, _ := strings.Cut(right, ":"); !strings.HasPrefix(test.members, name+":") {
				members = append(members, right)
			}
		}
		if e := c.call("schedule.put", "{"+strings.Join(members, ",")+"}").Error; e == nil || e.Code != test.code || !strings.Contains(e.Message, test.want) {
			t.Errorf("%s: got %v, want %d with %q", test.members, e, test.code, test.want)
		}
	}
	for params, want := range map[string]string{`{}`: "names: missing or empty", `{"names":["a","a"]}`: `names[1]: "a" is given twice`} {
		if e := c.call("schedule.delete", params).Error; e == nil || e.Code != jsonrpc.CodeInvalidParams || !strings.Contains(e.Message, want) {
			t.Errorf("%s: got %v", params, e)
		}
	}
}
