package jsonrpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestWhippersOwnErrorsCarryTheirNames(t *testing.T) {
	for code, name := range typeNames {
		e := Errorf(code, "%d jobs", 5)
		if e.Type() != name || e.Error() != name+": 5 jobs" || e.Code != code {
			t.Errorf("%d: %v", code, e)
		}
	}
	if e := Errorf(CodeMethodNotFound, "no"); e.Data != nil || e.Error() != "no" {
		t.Errorf("%+v", e)
	}
}

func TestDetailsOfAnErrorAreReadAsFarAsTheyCanBe(t *testing.T) {
	for data, want := range map[string]string{
		``: ``, `null`: ``, `5`: ``, `"x"`: ``, `[]`: ``, `{`: ``, `{"type":5}`: ``,
		`{"type":"T","other":{}}`: `T`,
	} {
		if e := (&Error{Data: json.RawMessage(data)}); e.Type() != want {
			t.Errorf("%s: %q", data, e.Type())
		}
	}
}

func TestAnyErrorCanBeSent(t *testing.T) {
	own := Errorf(CodeTimeout, "late")
	if got := AsError(fmt.Errorf("wrapped: %w", own)); got != own {
		t.Error(got)
	}
	if got := AsError(errors.New("disk full")); got.Code != CodeInternalError || got.Message != "disk full" {
		t.Errorf("%+v", got)
	}
}

func TestTimesAreWrittenInUTCWithMilliseconds(t *testing.T) {
	moment := time.Date(2026, 1, 2, 5, 4, 5, 678_900_000, time.FixedZone("", 2*60*60))
	text, err := json.Marshal(map[string]any{"at": Time{moment}, "none": TimePtr(time.Time{}), "some": TimePtr(moment)})
	if want := `{"at":"2026-01-02T03:04:05.678Z","none":null,"some":"2026-01-02T03:04:05.678Z"}`; err != nil || string(text) != want {
		t.Errorf("%s %v", text, err)
	}
	if got := string(Time{moment}.AppendTo([]byte("at "))); got != "at 2026-01-02T03:04:05.678Z" {
		t.Error(got)
	}
	var read Time
	if err := json.Unmarshal([]byte(`"2026-01-02T03:04:05.678Z"`), &read); err != nil || read.UnixMilli() != moment.UnixMilli() {
		t.Errorf("%v %v", read, err)
	}
}
