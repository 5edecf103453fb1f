package ledger

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

// set gives a field another value than its zero.
func set(t *testing.T, field reflect.Value) {
	t.Helper()
	switch value := field.Interface().(type) {
	case []byte:
		field.SetBytes([]byte("x"))
	case time.Time:
		field.Set(reflect.ValueOf(noonHere))
	case map[string]string:
		field.Set(reflect.ValueOf(map[string]string{"a": "b"}))
	case *int:
		field.Set(reflect.ValueOf(new(int)))
	default:
		switch field.Kind() {
		case reflect.String:
			field.SetString("x")
		case reflect.Int, reflect.Int64:
			field.SetInt(7)
		case reflect.Bool:
			field.SetBool(true)
		case reflect.Struct:
			set(t, field.Field(0))
		default:
			t.Fatalf("a field of type %T: what is another value of it?", value)
		}
	}
}

var noonHere = time.Unix(1_800_000_000, 0).UTC()

func TestTheShortStatementsAreForRowsThatHaveNothingElse(t *testing.T) {
	job := Job{State: Queued, Delivery: AtLeastOnce, Origin: FromSubmit}
	if !job.isPlain() {
		t.Error("a plain job is not")
	}
	written := []string{"ID", "Pool", "Method", "MaxAttempts", "Trace", "CreatedAt", "RunAt", "Params"} // by insertPlainSQL
	for i := range reflect.TypeFor[Job]().NumField() {
		other, name := job, reflect.TypeFor[Job]().Field(i).Name
		set(t, reflect.ValueOf(&other).Elem().Field(i))
		if plain := other.isPlain(); plain != slices.Contains(written, name) {
			t.Errorf("with another %s: %t", name, plain)
		}
	}
	for i, plain := range []bool{true, false, false} { // of a trace, only the traceparent
		other := job
		set(t, reflect.ValueOf(&other.Trace).Elem().Field(i))
		if other.isPlain() != plain {
			t.Errorf("with %+v: %t", other.Trace, !plain)
		}
	}
	attempt := Attempt{Outcome: OutcomeSucceeded}
	written = []string{"Number", "Worker", "PID", "StartedAt", "FinishedAt"} // by successSQL
	for i := range reflect.TypeFor[Attempt]().NumField() {
		other, name := attempt, reflect.TypeFor[Attempt]().Field(i).Name
		set(t, reflect.ValueOf(&other).Elem().Field(i))
		if bare := other.isBareSuccess(); bare != slices.Contains(written, name) {
			t.Errorf("with another %s: %t", name, bare)
		}
	}
}
