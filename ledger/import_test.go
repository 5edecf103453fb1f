package ledger

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const minimalLine = `{"id":7,"pool":"p","method":"m","state":"queued","priority":0,"attempt":0,"maxAttempts":3,"runs":0,"delivery":"at-least-once",` +
	`"origin":"submit","createdAt":"2026-01-02T03:04:05.678901Z","runAt":"2026-01-02T03:04:05.678901Z"}` + "\n"

// deep is JSON so many levels deep.
func deep(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

// doImport imports and returns the error.
func doImport(t testing.TB, dir, text string) (Imported, error) {
	t.Helper()
	return Import(context.Background(), Options{Dir: dir}, strings.NewReader(text), ImportOptions{Source: "in"})
}

func TestALineThatCannotBeIsRefusedWithItsPlaceAndNothingIsImported(t *testing.T) {
	dir := t.TempDir()
	edited := func(old, new string) string {
		if !strings.Contains(minimalLine, old) {
			t.Fatalf("%s is not in the line", old)
		}
		return strings.Replace(minimalLine, old, new, 1)
	}
	at := `"startedAt":"2026-01-02T03:04:05Z","finishedAt":"2026-01-02T03:04:05Z"`
	attempts := func(list string) string {
		return edited(`"attempt":0,"maxAttempts":3,"runs":0`, `"attempt":1,"maxAttempts":3,"runs":2,"attempts":[`+list+`]`)
	}
	for line, want := range map[string]string{
		"{":                                    "no JSON: unexpected end of JSON input",
		"[]":                                   "a JSON object is wanted",
		minimalLine[:len(minimalLine)-1] + "1": "no JSON: invalid character '1' after top-level value",
		edited(`"m"`, "\"\xff\""):              "no UTF-8",
		edited(`"pool"`, `"pol"`):              "pol: there is no such member",
		edited(`"pool":"p"`, `"pool":"p","pool":"q"`):                    "pool: it is given twice",
		edited(`"pool":"p",`, ``):                                        "pool: missing",
		edited(`"p"`, `""`):                                              "pool is empty",
		edited(`"p"`, `1`):                                               "pool: a string is wanted",
		edited(`7`, `0`):                                                 "id: 0 is outside 1 to 4503599627370496",
		edited(`7`, `"7"`):                                               "id: an integer is wanted",
		edited(`"priority":0`, `"priority":101`):                         "priority is 101, but must be -100 to 100",
		edited(`"priority":0`, `"priority":1.5`):                         "priority: an integer is wanted",
		edited(`"queued"`, `"waiting"`):                                  `state: there is no state "waiting"`,
		edited(`"queued"`, `null`):                                       "state: a string is wanted",
		edited(`"queued"`, `"failed"`):                                   "finishedAt: missing, though the job is failed",
		edited(`"runs":0`, `"runs":0,`+at):                               "finishedAt: given, though the job is queued",
		edited(`"queued"`, `"running"`):                                  "runs: 0, with attempt 0, though the job is running",
		edited(`"runs":0`, `"runs":0,"result":1`):                        "result: given, though the job is queued",
		edited(`"attempt":0`, `"attempt":4`):                             "attempt: 4 is outside 0 to the maxAttempts of 3",
		edited(`"attempt":0`, `"attempt":1`):                             "runs: 0 is less than the attempt, 1",
		edited(`"submit"`, `"cron"`):                                     `origin is "cron"`,
		edited(`"at-least-once"`, `"twice"`):                             `delivery is "twice"`,
		edited(`"runs":0`, `"runs":0,"errorSource":"me"`):                `errorSource: "me" is neither`,
		edited(`"runs":0`, `"runs":0,"labels":{"a":1}`):                  "labels: an object of strings is wanted",
		edited(`"runs":0`, `"runs":0,"labels":{"":"1"}`):                 "labels: a label has no name",
		edited(`"runs":0`, `"runs":0,"alone":1`):                         "alone: true or false is wanted",
		edited(`"runs":0`, `"runs":0,"backoff":{"base":1}`):              "backoff: an object of numbers is wanted",
		edited(`"runs":0`, `"runs":0,"backoff":{"factor":0.5}`):          "backoff factor is 0.5",
		edited(`"runs":0`, `"runs":0,"timeoutUs":-1`):                    "timeout is -1µs",
		edited(`"runs":0`, `"runs":0,"paramsBase64":"?"`):                "paramsBase64: Base64 in a string is wanted",
		edited(`"runs":0`, `"runs":0,"paramsBase64":""`):                 "paramsBase64: it is empty, which no payload is: leave it out",
		edited(`"runs":0`, `"runs":0,"params":[],"paramsBase64":"W10="`): "paramsBase64: it is given twice",
		edited(`678901Z`, `6789012Z`):                                    "createdAt: it is finer than microseconds",
		edited(`2026-01-02T`, `2026-13-02T`):                             "createdAt: a time is wanted",
		edited(`"createdAt":"2026-01-02T03:04:05.678901Z"`, `"createdAt":"0000-01-01T00:00:00+00:01"`):                           "createdAt: a time from the year 0 to 9999 in UTC is wanted",
		edited(`"createdAt":"2026-01-02T03:04:05.678901Z"`, `"createdAt":"9999-12-31T23:59:59-00:01"`):                           "createdAt: a time from the year 0 to 9999 in UTC is wanted",
		edited(`"runs":0`, `"runs":0,"params":`+deep(maxNesting+1)):                                                              "params: nested deeper than 512 levels",
		edited(`"runs":0`, `"runs":0,"progressBase64":"`+base64.StdEncoding.EncodeToString([]byte("\n"+deep(maxNesting+1)))+`"`): "progress: nested deeper than 512 levels",
		attempts(`{"attempt":1,"outcome":"error","error":` + deep(maxNesting+1) + `,` + at + `}`):                                "attempts[0].error: nested deeper than 512 levels",
		attempts(`1`): "attempts[0]: a JSON object is wanted",
		attempts(`{"attempt":1,"outcome":"error",` + at + `},{"attempt":1,"outcome":"error",` + at + `}`): "attempts[1].attempt: 1 does not come after 1",
		attempts(`{"attempt":3,"outcome":"error",` + at + `}`):                                            "attempts[0].attempt: 3 is more than the runs that have ended, 2",
		attempts(`{"attempt":1,"outcome":"lost",` + at + `}`):                                             `attempts[0].outcome: there is no outcome "lost"`,
		attempts(`{"attempt":1,"outcome":"error","pid":"x",` + at + `}`):                                  "attempts[0].pid: an integer is wanted",
		attempts(`{"attempt":1,` + at + `}`):                                                              "attempts[0].outcome: missing",
	} {
		good := strings.Replace(minimalLine, `"id":7`, `"id":1`, 1)
		_, err := doImport(t, dir, good+"\n"+line)
		var bad *ImportError
		if !errors.As(err, &bad) || bad.Line != 3 || bad.Conflict || !strings.Contains(err.Error(), "in:3: "+want) {
			t.Errorf("%s\n%v\nwant %s", line, err, want)
		}
	}
	l := open(t, dir)
	if n := countRows(t, l); n != 0 || l.LastID() != 0 {
		t.Errorf("%d jobs were imported, the last id is %d", n, l.LastID())
	}
	mustBeSound(t, l.Reader)
}

func TestAConflictRefusesTheWholeImportAndWhatIsThereExactlySoIsPassedOver(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	submit(t, l, Job{Pool: "p", Method: "m", IdempotencyKey: "k"}, Job{Pool: "p", Method: "m"})
	text := export(t, l.Reader, Filter{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	second := text[strings.Index(text, "\n")+1:]
	fresh := strings.Replace(second, `"id":2`, `"id":100`, 1)
	for lines, want := range map[string]string{
		fresh + strings.Replace(second, `"priority":0`, `"priority":1`, 1):             "in:2: id: job 2 is on the ledger already, and differs from this one",
		fresh + strings.Replace(text[:len(text)-len(second)], `"id":1`, `"id":101`, 1): `in:2: idempotencyKey: "k" of pool "p" belongs to job 1 on the ledger`,
		fresh + strings.Replace(fresh, `"priority":0`, `"priority":1`, 1):              "in:2: id: job 100 is on the ledger already",
	} {
		_, err := doImport(t, dir, lines)
		var conflict *ImportError
		if !errors.As(err, &conflict) || !conflict.Conflict || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	done, err := doImport(t, dir, text+fresh+fresh)
	if err != nil || done != (Imported{Jobs: 1, There: 3}) {
		t.Errorf("%+v: %v", done, err)
	}
	l = open(t, dir)
	if n := countRows(t, l); n != 3 {
		t.Errorf("%d jobs", n)
	}
	if id := submit(t, l, Job{Pool: "p", Method: "m"})[0]; id != 101 {
		t.Errorf("the next id is %d", id)
	}
	mustBeSound(t, l.Reader)
}

func TestAnImportNeedsTheLock(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	var locked *LockedError
	if _, err := doImport(t, dir, minimalLine); !errors.As(err, &locked) {
		t.Errorf("error %v", err)
	}
}

func TestAnInterruptedImportImportsNothing(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	lines := minimalLine + strings.Replace(minimalLine, `"id":7`, `"id":8`, 1)
	_, err := Import(ctx, Options{Dir: dir}, strings.NewReader(lines), ImportOptions{Progress: func(int64, int64, int64) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if n := countRows(t, open(t, dir)); n != 0 {
		t.Errorf("%d jobs", n)
	}
}

// importStdin imports what comes on standard input, and says so when half a thousand jobs have.
func importStdin(dir string) error {
	_, err := Import(context.Background(), Options{Dir: dir}, os.Stdin, ImportOptions{Progress: func(jobs, _, _ int64) {
		if jobs%500 == 0 {
			fmt.Println(jobs)
		}
	}})
	return err
}

func TestAnImportThatIsKilledInTheMiddleHasImportedNothing(t *testing.T) {
	dir := t.TempDir()
	var lines strings.Builder
	for id := range 4000 {
		lines.WriteString(strings.Replace(minimalLine, `"id":7`, fmt.Sprintf(`"id":%d,"params":["%s"]`, id+1, strings.Repeat("x", 2000)), 1))
	}
	for _, before := range []int{500, 3500} {
		in, write := io.Pipe()
		cmd := exec.Command(os.Args[0], dir)
		cmd.Env = append(os.Environ(), childVar+"=import")
		cmd.Stdin, cmd.Stderr = in, os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		fed := make(chan error, 1)
		go func() {
			_, err := io.WriteString(write, lines.String()) // never to its end
			fed <- err
		}()
		for n := 0; n < before; {
			if _, err := fmt.Fscanln(out, &n); err != nil {
				t.Fatal(err)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = in.Close() // cmd's copying ends with it
		_ = cmd.Wait()
		<-fed
		l := open(t, dir)
		if n := countRows(t, l); n != 0 {
			t.Errorf("%d jobs after a kill", n)
		}
		mustBeSound(t, l.Reader)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if done, err := doImport(t, dir, lines.String()); err != nil || done.Jobs != 4000 {
		t.Errorf("%+v: %v", done, err)
	}
	mustBeSound(t, open(t, dir).Reader)
}

func BenchmarkExportAndImport(b *testing.B) {
	l := open(b, b.TempDir())
	jobs := make([]Job, 10_000)
	for i := range jobs {
		jobs[i] = Job{Pool: "p", Method: "m", Params: []byte(`["a.png",100]`), MaxAttempts: 1}
	}
	submit(b, l, jobs...)
	text := export(b, l.Reader, Filter{})
	b.Run("export", func(b *testing.B) {
		at := time.Now()
		for range b.N {
			export(b, l.Reader, Filter{})
		}
		b.ReportMetric(float64(b.N*len(jobs))/time.Since(at).Seconds(), "jobs/s")
	})
	b.Run("import", func(b *testing.B) {
		at := time.Now()
		for range b.N {
			if _, err := doImport(b, b.TempDir(), text); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*len(jobs))/time.Since(at).Seconds(), "jobs/s")
	})
}

func TestAnImportCountsInTheStatistics(t *testing.T) {
	l := open(t, t.TempDir())
	jobs := make([]Job, 2*rolledAtOnce)
	for i := range jobs {
		jobs[i] = Job{Pool: "p", Method: "m"}
	}
	for _, id := range submit(t, l, jobs...) {
		job, _ := get(t, l.Reader, id)
		run(l, job, Ending{Outcome: OutcomeSucceeded, Result: []byte("1")})
	}
	flush(t, l)
	dir := t.TempDir()
	if _, err := Import(t.Context(), Options{Dir: dir}, strings.NewReader(export(t, l.Reader, Filter{})), ImportOptions{Source: "in"}); err != nil {
		t.Fatal(err)
	}
	const rows = `SELECT pool, method, hour, succeeded, failed, attempts, wait_total, run_total, hex(wait_sketch), hex(run_sketch) FROM rollup ORDER BY 1, 2, 3`
	if want, got := dump(t, l.db, rows), dump(t, open(t, dir).db, rows); len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("statistics of the import are\n%q\nnot\n%q", got, want)
	}
}

// An export has no paths. What looks like one is a name, which is kept in a row.
func TestNamesInAnImportMakeNoFiles(t *testing.T) {
	evil := "../../escaped\x00/etc/passwd"
	from := open(t, t.TempDir())
	submit(t, from, Job{Pool: "../escaped", Method: evil, Params: []byte(`"../escaped"`), IdempotencyKey: evil, Labels: map[string]string{"../escaped": "/etc/passwd"}})
	var exported bytes.Buffer
	if _, err := from.Export(t.Context(), &exported, Filter{}, nil); err != nil {
		t.Fatal(err)
	}
	parent := t.TempDir()
	dir := filepath.Join(parent, "a", "b")
	if done, err := Import(t.Context(), Options{Dir: dir}, &exported, ImportOptions{}); err != nil || done.Jobs != 1 {
		t.Fatal(done, err)
	}
	var made []string
	err := filepath.WalkDir(parent, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			made = append(made, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if want := []string{"ledger.db", "lock"}; err != nil || !slices.Equal(made, want) {
		t.Errorf("%v %v, want %v", made, err, want)
	}
}
