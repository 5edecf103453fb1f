package ledger

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// FuzzImport has each text either refused with a line that it has, and no job on the ledger, or imported: then an export gives the lines in the
// form that exports have, which mean the same, and another import of those finds each job there exactly so.
func FuzzImport(f *testing.F) {
	job := strings.TrimSuffix(minimalLine, "}\n")
	at := `"startedAt":"2026-01-02T03:04:05Z","finishedAt":"2026-01-02T03:04:05.1Z"`
	for _, seed := range []string{
		minimalLine, "\n \r\n" + minimalLine, strings.TrimSpace(minimalLine), "{", "null", "[]", minimalLine + minimalLine, minimalLine + strings.Replace(minimalLine, "7", "8", 1),
		job + `,"params": [1e999 , {"a":1,"a":2}],"labels":{"a":"\u0000","b":"\ud800"},"concurrencyKey":"","priority":1}`,
		strings.Replace(job, `"priority":0`, `"priority":1e999`, 1) + `}`, strings.Replace(job, `"id":7`, `"id":`+strings.Repeat("9", 400), 1) + `}`,
		strings.Replace(job, `"m"`, `"\u0000"`, 1) + `,"idempotencyKey":"a\u0000b","tracestate":"\ud800"}`,
		job + `,"paramsBase64":"/w==","workerBase64":"AA==","methodBase64":"AA=="}`,
		job + `,"params":` + deep(9_999) + `}`, job + `,"params":` + deep(maxNesting) + `}`, job + `,"params":` + strings.Repeat("[", 100_000),
		job + `,"params":null,"result":null}`, job + `,"paramsBase64":null}`, job + `,"attempts":null}`, job + ",\"pid\":1,\"worker\":\"\xff\"}",
		strings.Replace(job, `"queued","priority":0,"attempt":0,"maxAttempts":3,"runs":0`, `"succeeded","priority":-1,"attempt":1,"maxAttempts":3,"runs":2,"result":"x"`, 1) +
			`,` + at + `,"attempts":[{"attempt":2,"outcome":"succeeded","exitCode":-9223372036854775808,"stderrTail":"\u001b",` + at + `}],"timeoutUs":9223372036854775}`,
		strings.Replace(job, `2026-01-02T03:04:05.678901Z`, `0000-01-01T00:00:00+23:59`, 1) + `,"expiresAt":"9999-12-31T23:59:59-23:59"}`,
		job + `,"backoff":{"baseUs":9223372036854775807,"factor":1e308,"capUs":-1,"jitter":1}}`, job + `,"backoff":{"factor":1,"factor":2}} `,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want []record
		lines := strings.Split(text, "\n")
		for _, line := range lines {
			if strings.TrimSpace(line) == "" {
				continue
			}
			r, err := readLine([]byte(line))
			if err != nil {
				want = nil
				break
			}
			want = append(want, r)
		}
		if len(want) == 0 { // most are: they need no disk
			if strings.TrimSpace(text) != "" {
				return
			}
		}
		dir := t.TempDir()
		done, err := doImport(t, dir, text)
		var bad *ImportError
		if err != nil && (!errors.As(err, &bad) || bad.Line < 1 || bad.Line > len(lines) || bad.Problem == "") {
			t.Fatalf("%q: %v", text, err)
		}
		l := open(t, dir)
		exported := export(t, l.Reader, Filter{})
		mustBeSound(t, l.Reader)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			if exported != "" {
				t.Fatalf("%q: %v, but %q is on the ledger", text, err, exported)
			}
			return
		}
		if int(done.Jobs) != strings.Count(exported, "\n") || int(done.Jobs+done.There) != len(want) {
			t.Fatalf("%q: %+v of %d, exported %q", text, done, len(want), exported)
		}
		got := map[int64]record{}
		for line := range strings.Lines(exported) {
			r, err := readLine([]byte(line))
			if err != nil || string(r.appendLine(nil)) != line {
				t.Fatalf("%q: exported as %q, which is read as %+v, %v", text, line, r, err)
			}
			got[r.job.ID] = r
		}
		for _, r := range want {
			if !reflect.DeepEqual(got[r.job.ID].job, normalised(r.job)) {
				t.Fatalf("%q: %+v came back as %+v", text, r.job, got[r.job.ID].job)
			}
		}
		if again, err := doImport(t, dir, exported); err != nil || again.Jobs != 0 {
			t.Fatalf("%q: imported again %+v, %v", text, again, err)
		}
	})
}

// normalised is a job without the differences that a row does not have.
func normalised(j Job) Job {
	if len(j.Labels) == 0 {
		j.Labels = nil
	}
	if j.Backoff == (Backoff{}) {
		j.Backoff = DefaultBackoff
	}
	return j
}
