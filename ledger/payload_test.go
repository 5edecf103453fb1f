package ledger

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestLargePayloadsAreKeptBesideTheRow(t *testing.T) {
	l := open(t, t.TempDir())
	text := func(c string, n int) []byte { return []byte(`"` + strings.Repeat(c, n-2) + `"`) }
	params := text("p", inlineMost+1)
	id := submit(t, l, Job{Pool: "p", Method: "m", IdempotencyKey: "k", Params: params, CreatedAt: noon})[0]
	job, _ := get(t, l.Reader, id)
	if !bytes.Equal(job.Params, params) {
		t.Fatalf("params are %.20q", job.Params)
	}
	if again, err := l.Submit(t.Context(), []Job{{Pool: "p", Method: "m", IdempotencyKey: "k", Params: params}}); err != nil || !again[0].Duplicate {
		t.Errorf("the same params under the same key: %v, %v", again, err)
	}

	// A large error of the first run must not be read as the one of the second, or of none.
	job = run(l, job, Ending{Outcome: OutcomeError, Error: text("e", 2*inlineMost), ErrorSource: FromWorker})
	flush(t, l)
	if got, _ := get(t, l.Reader, id); !reflect.DeepEqual(got, job) {
		t.Errorf("got %+v\nwant %+v", got, job)
	}
	job = run(l, job, Ending{Outcome: OutcomeError, Error: text("f", inlineMost), ErrorSource: FromWorker})
	flush(t, l)
	if got, _ := get(t, l.Reader, id); !reflect.DeepEqual(got, job) {
		t.Errorf("got %+v\nwant %+v", got, job)
	}
	job = run(l, job, Ending{Outcome: OutcomeSucceeded, Result: text("r", 9*inlineMost)})
	flush(t, l)
	if got, _ := get(t, l.Reader, id); !reflect.DeepEqual(got, job) {
		t.Errorf("got %+v\nwant %+v", got, job)
	}
	if got := dump(t, l.db, "SELECT length(params), length(result), error IS NULL FROM job"); got[0] != "0 0 1" {
		t.Errorf("the row has %s", got[0])
	}
	if listed, _, err := l.List(t.Context(), Filter{Payloads: true}); err != nil || len(listed) != 1 || !reflect.DeepEqual(listed[0], job) {
		t.Errorf("listed %+v, %v", listed, err)
	}
	if _, err := l.Prune(t.Context(), PruneFilter{}); err != nil {
		t.Fatal(err)
	}
	if got := dump(t, l.db, "SELECT count(*) FROM payload"); got[0] != "0" {
		t.Errorf("%s payloads are left of a pruned job", got[0])
	}
	mustBeSound(t, l.Reader)
}

func TestPayloadsComeBackWhateverTheirSize(t *testing.T) {
	l := open(t, t.TempDir())
	rapid.Check(t, func(t *rapid.T) {
		payload := func(name string) []byte {
			n := rapid.SampledFrom([]int{0, 1, 2, inlineMost - 1, inlineMost, inlineMost + 1, 5000, 20_000}).Draw(t, name)
			if n == 0 {
				return nil
			}
			return bytes.Repeat([]byte(fmt.Sprint(n%10)), n)
		}
		id, err := l.NextID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		job := Job{ID: id, Pool: "p", Method: "m", Origin: FromInvoke, Params: payload("params")}.withDefaults(noon)
		l.Insert(job, nil)
		job = Begin(job, "w1", 1, noon)
		l.Start(job, nil)
		if rapid.Bool().Draw(t, "apart") {
			if err := l.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		job.Progress = payload("progress")
		job, attempt := Settle(job, Ending{Outcome: OutcomeSucceeded, At: noon, Result: payload("result")}, 0)
		l.Finish(job, attempt, nil)
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, _, err := l.Get(t.Context(), id)
		if err != nil || !reflect.DeepEqual(got, job) {
			t.Fatalf("got %+v, %v\nwant %+v", got, err, job)
		}
	})
	mustBeSound(t, l.Reader)
}
