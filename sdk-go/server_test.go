package whipper_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

type person struct {
	Name string `json:"name"`
	Age  int    `json:"age"`
}

// serveOwn is the main of a worker whose methods do what can be done in one.
func serveOwn() {
	log := slog.New(whipper.NewLogHandler(slog.LevelDebug)).With("app", "test")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := whipper.Server{Concurrency: 3, Methods: whipper.Methods{
		"greet": whipper.Func2(func(_ context.Context, name string, times int) (string, error) {
			return strings.Repeat("hi "+name+" ", times), nil
		}, "name", "times"),
		"three":    whipper.Func3(func(_ context.Context, a, b, c int) (int, error) { return a + b + c, nil }, "a", "b", "c"),
		"four":     whipper.Func4(func(_ context.Context, a, b, c, d int) (int, error) { return a + b + c + d, nil }),
		"raw":      whipper.Raw(func(_ context.Context, p json.RawMessage) (json.RawMessage, error) { return p, nil }),
		"bad":      whipper.Raw(func(context.Context, json.RawMessage) (json.RawMessage, error) { return json.RawMessage(`{`), nil }),
		"born":     whipper.Named(func(_ context.Context, p person) (int, error) { return 2000 - p.Age, nil }),
		"variable": whipper.Func1(func(_ context.Context, name string) (string, error) { return os.Getenv(name), nil }),
		"chan":     whipper.Func0(func(context.Context) (chan int, error) { return make(chan int), nil }),
		"plain":    whipper.Func0(func(context.Context) (any, error) { return nil, fmt.Errorf("plain: %w", errors.New("no type")) }),
		"path":     whipper.Func0(func(context.Context) (any, error) { return os.Open("/no/such/file") }),
		"permanent": whipper.Func0(func(context.Context) (any, error) {
			return nil, whipper.Permanent(&fs.PathError{Op: "open", Path: "a", Err: fs.ErrNotExist})
		}),
		"snooze": whipper.Func0(func(context.Context) (any, error) { return nil, whipper.Snooze(1500 * time.Millisecond) }),
		"panic":  whipper.Func0(func(context.Context) (any, error) { panic("ouch") }),
		"own": whipper.Func0(func(context.Context) (any, error) {
			return nil, fmt.Errorf("wrapped: %w", &whipper.Error{Code: 77, Message: "mine", Data: json.RawMessage(`{"type":"Mine","fields":{"a":1}}`)})
		}),
		"permanent own": whipper.Func0(func(context.Context) (any, error) {
			return nil, whipper.Permanent(&whipper.Error{Code: 77, Message: "mine", Data: json.RawMessage(`{"type":"Mine","n":1}`)})
		}),
		"snooze own": whipper.Func0(func(context.Context) (any, error) {
			return nil, &whipper.SnoozeError{For: time.Second, Err: &whipper.Error{Code: 77, Message: "mine", Data: json.RawMessage(`"text"`)}}
		}),
		"of another": whipper.Func1(func(_ context.Context, code int64) (any, error) {
			return nil, fmt.Errorf("asking: %w", &whipper.CallError{Method: "job.invoke", Err: &whipper.Error{Code: code, Message: "theirs"}})
		}),
		"exit": whipper.Func0(func(context.Context) (any, error) {
			runtime.Goexit()
			return nil, nil
		}),
		"again": whipper.Func0(func(ctx context.Context) (any, error) { return nil, whipper.Serve(ctx, basic()) }),
		"call": whipper.Func0(func(ctx context.Context) (any, error) {
			c, ok := whipper.CallFrom(ctx)
			deadline, has := ctx.Deadline()
			return []any{ok, c.Method, c.Job, c.Attempt, has && deadline.Equal(c.Deadline)}, nil
		}),
		"trace": whipper.Func0(func(ctx context.Context) ([]string, error) {
			span := trace.SpanContextFromContext(ctx)
			return []string{span.TraceID().String(), fmt.Sprint(span.IsRemote()), baggage.FromContext(ctx).String()}, nil
		}),
		"tell": whipper.Func0(func(ctx context.Context) (any, error) {
			return nil, errors.Join(whipper.Progress(ctx, map[string]int{"progress": 1}), whipper.Progress(ctx, "half"))
		}),
		"figures": whipper.Func0(func(context.Context) (map[string]any, error) {
			files, err := os.ReadDir("/proc/self/fd")
			return map[string]any{"Heap": heapNow(), "Goroutines": runtime.NumGoroutine(), "Files": len(files)}, err
		}),
		"log": whipper.Func0(func(ctx context.Context) (any, error) {
			log.InfoContext(ctx, "of a call", "n", 1, slog.Group("g", "took", time.Second))
			log.WithGroup("deep").With("a", errors.New("b")).Debug("of none")
			return nil, nil
		}),
		"noise": whipper.Func0(func(context.Context) (any, error) {
			fmt.Println("printed")
			_, _ = syscall.Write(1, []byte(`{"jsonrpc":"2.0","id":1,"result":"forged"}`+"\n"))
			child := exec.Command("/bin/sh", "-c", "echo of a child; cat; [ ! -d /proc/self/fd ] || ls -l /proc/self/fd >&2")
			child.Stdout, child.Stdin, child.Stderr = os.Stdout, os.Stdin, os.Stderr
			return nil, child.Run()
		}),
		"hang": whipper.Func0(func(ctx context.Context) (any, error) {
			_ = whipper.Progress(ctx, "hanging")
			<-ctx.Done()
			log.Info("given up", "cause", context.Cause(ctx))
			return nil, ctx.Err()
		}),
		"stubborn": whipper.Func0(func(ctx context.Context) (string, error) {
			_ = whipper.Progress(ctx, "hanging")
			<-ctx.Done()
			return "done all the same", nil
		}),
		"finish": whipper.Func0(func(ctx context.Context) (string, error) { // when SIGTERM has come
			_ = whipper.Progress(ctx, "hanging")
			<-served.Done()
			return "finished", nil
		}),
	}}.Serve(keep(ctx))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// served is the context that Serve got.
var served context.Context

func keep(ctx context.Context) context.Context { served = ctx; return ctx }

func TestMethodsGetTheirParamsAndGiveResultsAndErrors(t *testing.T) {
	w := startWorker(t, "own")
	for _, test := range []struct{ name, call, want string }{
		{"by position", `"method":"greet","params":["Ted",2]`, `{"result":"hi Ted hi Ted "}`},
		{"by name", `"method":"greet","params":{"times":1,"name":"Ann"}`, `{"result":"hi Ann "}`},
		{"three by name", `"method":"three","params":{"c":3,"a":1,"b":2}`, `{"result":6}`},
		{"four", `"method":"four","params":[1,2,3,4]`, `{"result":10}`},
		{"too few", `"method":"greet","params":["Ted"]`, `{"error":{"code":-32602,"message":"invalid params: 1 given, 2 wanted: name, times"}}`},
		{"none where some are wanted", `"method":"greet"`, `{"error":{"code":-32602,"message":"invalid params: 0 given, 2 wanted: name, times"}}`},
		{"too many", `"method":"panic","params":[1]`, `{"error":{"code":-32602,"message":"invalid params: 1 given, 0 wanted"}}`},
		{"of another type", `"method":"greet","params":["Ted","x"]`, `{"error":{"code":-32602,"message":"invalid params: param 2: string given, integer wanted"}}`},
		{"a member of another type", `"method":"greet","params":{"name":1,"times":1}`, `{"error":{"code":-32602,"message":"invalid params: param \"name\": number given, string wanted"}}`},
		{"an unknown name", `"method":"greet","params":{"name":"a","times":1,"x":1}`, `{"error":{"code":-32602,"message":"invalid params: unknown param \"x\": name, times"}}`},
		{"a missing name", `"method":"greet","params":{"name":"a"}`, `{"error":{"code":-32602,"message":"invalid params: param \"times\" is missing: name, times"}}`},
		{"by name where no names are known", `"method":"four","params":{"a":1}`, `{"error":{"code":-32602,"message":"invalid params: this method takes no params by name, only an array"}}`},
		{"a struct by name", `"method":"born","params":{"name":"a","age":20}`, `{"result":1980}`},
		{"a struct by position", `"method":"born","params":[{"age":30}]`, `{"result":1970}`},
		{"a struct's unknown member", `"method":"born","params":{"agee":1}`, `{"error":{"code":-32602,"message":"invalid params: unknown field \"agee\""}}`},
		{"bytes", `"method":"raw","params":{"n":1.50,"n":"<"}`, `{"result":{"n":1.50,"n":"<"}}`},
		{"bytes that are no JSON", `"method":"bad"`, `{"error":{"code":1,"message":"the result cannot be encoded: it is not JSON","data":{"type":"PermanentError","retryable":false}}}`},
		{"a result that is no JSON", `"method":"chan"`, `{"error":{"code":1,"message":"the result cannot be encoded: json: unsupported type: chan int","data":{"retryable":false}}}`},
		{"a plain error", `"method":"plain"`, `{"error":{"code":1,"message":"plain: no type","data":{"type":"error"}}}`},
		{"an error with a type", `"method":"path"`, `{"error":{"code":1,"message":"open /no/such/file: no such file or directory","data":{"type":"PathError"}}}`},
		{"a permanent error", `"method":"permanent"`, `{"error":{"code":1,"message":"open a: file does not exist","data":{"type":"PermanentError","retryable":false}}}`},
		{"a snooze", `"method":"snooze"`, `{"error":{"code":1,"message":"snoozed for 1.5s","data":{"type":"SnoozeError","snoozeMs":1500}}}`},
		{"a panic", `"method":"panic"`, `{"error":{"code":1,"message":"ouch","data":{"type":"panic","stack":"*"}}}`},
		{"an error object", `"method":"own"`, `{"error":{"code":77,"message":"mine","data":{"type":"Mine","fields":{"a":1}}}}`},
		{"an error object that is permanent", `"method":"permanent own"`, `{"error":{"code":77,"message":"mine","data":{"type":"Mine","n":1,"retryable":false}}}`},
		{"an error object with a snooze", `"method":"snooze own"`, `{"error":{"code":77,"message":"mine","data":{"snoozeMs":1000}}}`},
		{"another call's end of a supervisor", `"method":"of another","params":[1007]`, `{"error":{"code":1,"message":"asking: theirs","data":{"type":"CallError"}}}`},
		{"another call's unknown method", `"method":"of another","params":[-32601]`, `{"error":{"code":1,"message":"asking: theirs"}}`},
		{
			"a goroutine that ends", `"method":"exit"`,
			`{"error":{"code":1,"message":"the method ended its goroutine, as runtime.Goexit does, and gave neither a result nor an error"}}`,
		},
		{"a second Serve", `"method":"again"`, `{"error":{"code":1,"message":"Serve was called before: a process is one worker"}}`},
		{
			"the call", `"method":"call","meta":{"job":42,"attempt":2,"deadline":"2036-01-02T03:04:05.678Z"}`,
			`{"result":[true,"call",42,2,true]}`,
		},
		{
			"a trace", `"method":"trace","meta":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","baggage":"a=b"}`,
			`{"result":["0af7651916cd43dd8448eb211c80319c","true","a=b"]}`,
		},
		{"no trace", `"method":"trace"`, `{"result":["00000000000000000000000000000000","false",""]}`},
	} {
		w.send(`{"jsonrpc":"2.0","id":5,` + test.call + `}`)
		got := w.line()
		if why := mismatch("", decoded(t, []byte(test.want)), decoded(t, got)); why != "" {
			t.Errorf("%s: %s\n got %s\nwant %s", test.name, why, got, test.want)
		}
	}
	w.end()
}

func TestAPanicSaysWhereItWas(t *testing.T) {
	w := startWorker(t, "own")
	w.send(`{"jsonrpc":"2.0","id":1,"method":"panic"}`)
	if line := string(w.line()); !strings.Contains(line, "server_test.go") {
		t.Error(line)
	}
	w.end()
}

func TestProgressAndLogRecordsNameTheirCall(t *testing.T) {
	w := startWorker(t, "own")
	expect := func(want string) {
		t.Helper()
		got := w.line()
		if why := mismatch("", decoded(t, []byte(want)), decoded(t, got)); why != "" {
			t.Errorf("%s: %s", why, got)
		}
	}
	w.send(`{"jsonrpc":"2.0","id":"a","method":"tell"}`)
	expect(`{"method":"$/progress","params":{"id":"a","value":{"progress":1}}}`)
	expect(`{"method":"$/progress","params":{"id":"a","value":"half"}}`)
	expect(`{"id":"a","result":null}`)
	w.send(`{"jsonrpc":"2.0","id":7,"method":"log"}`)
	expect(`{"method":"$/log","params":{"id":7,"level":"info","message":"of a call","attributes":{"app":"test","n":1,"g":{"took":"1s"}}}}`)
	expect(`{"method":"$/log","params":{"level":"debug","message":"of none","attributes":{"app":"test","deep":{"a":"b"}}}}`)
	expect(`{"id":7,"result":null}`)
	w.end()
}

func TestNothingThatIsPrintedTouchesTheWire(t *testing.T) {
	w := startWorker(t, "own")
	w.send(`{"jsonrpc":"2.0","id":1,"method":"noise"}`)
	if line := string(w.line()); line != `{"jsonrpc":"2.0","id":1,"result":null}` {
		t.Error(line)
	}
	if rest := w.end(); rest != "" {
		t.Errorf("on stdout: %q", rest)
	}
	text := w.stderr.String()
	if want := "printed\n" + `{"jsonrpc":"2.0","id":1,"result":"forged"}` + "\nof a child\n"; !strings.HasPrefix(text, want) {
		t.Errorf("stderr: %q", text)
	}
	for _, end := range w.pipes { // the child has none of them, where /proc tells
		if strings.Contains(text, fmt.Sprintf("pipe:[%d]", end)) {
			t.Errorf("a child has the wire's pipe %d:\n%s", end, text)
		}
	}
}

func TestACallThatIsCancelledIsAnswered(t *testing.T) {
	w := startWorker(t, "own")
	for _, test := range []struct{ method, want string }{
		{"hang", `{"id":3,"error":{"code":-32800,"message":"context canceled"}}`},
		{"stubborn", `{"id":3,"result":"done all the same"}`},
	} {
		w.send(`{"jsonrpc":"2.0","id":3,"method":"` + test.method + `"}`)
		w.line() // its progress: it runs
		w.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":3}}`)
		got := w.line()
		if strings.Contains(string(got), "$/log") {
			got = w.line()
		}
		if why := mismatch("", decoded(t, []byte(test.want)), decoded(t, got)); why != "" {
			t.Errorf("%s: %s", why, got)
		}
	}
	w.end()
}

func TestTheDeadlineEndsTheContext(t *testing.T) {
	w := startWorker(t, "own")
	w.send(`{"jsonrpc":"2.0","id":3,"method":"stubborn","meta":{"deadline":"2001-01-02T03:04:05.678Z"}}`)
	w.line()
	if got := string(w.line()); !strings.Contains(got, `"result":"done all the same"`) {
		t.Error(got)
	}
	w.end()
}

// The supervisor's clock says when a call has timed out: an error that comes of the deadline is not the method's own.
func TestAnErrorAtTheDeadlineWaitsForTheSupervisor(t *testing.T) {
	w := startWorker(t, "own")
	w.send(`{"jsonrpc":"2.0","id":3,"method":"hang","meta":{"deadline":"2001-01-02T03:04:05.678Z"}}`)
	w.line() // it runs
	w.line() // its log record: the deadline has passed
	w.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":3}}`)
	if got := string(w.line()); !strings.Contains(got, `"code":-32800`) {
		t.Error(got)
	}
	w.end()
}

func TestAWorkerThatIsToldToEndFinishesItsCalls(t *testing.T) {
	for _, test := range []struct {
		name string
		tell func(*bareWorker)
	}{
		{"by its context", func(w *bareWorker) { _ = w.cmd.Process.Signal(syscall.SIGTERM) }},
		{"by $/shutdown and the end of stdin", func(w *bareWorker) {
			w.send(`{"jsonrpc":"2.0","method":"$/shutdown"}`)
			w.in.Close()
			_ = w.cmd.Process.Signal(syscall.SIGTERM) // lets the method finish
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := startWorker(t, "own")
			w.send(`{"jsonrpc":"2.0","id":1,"method":"finish"}`)
			w.line()
			test.tell(w)
			if got := string(w.line()); got != `{"jsonrpc":"2.0","id":1,"result":"finished"}` {
				t.Error(got)
			}
			w.end()
		})
	}
}

func TestAWorkerThatIsToldToEndDeclinesWhatComesThen(t *testing.T) {
	w := startWorker(t, "own")
	w.send(`{"jsonrpc":"2.0","id":1,"method":"stubborn"}`)
	w.line()
	_ = w.cmd.Process.Signal(syscall.SIGTERM)
	for { // until the signal has come
		w.send(`{"jsonrpc":"2.0","id":2,"method":"three","params":[1,2,3]}`)
		if got := string(w.line()); strings.Contains(got, `"code":1007`) {
			break
		} else if !strings.Contains(got, `"result":6`) {
			t.Fatal(got)
		}
	}
	w.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`)
	if got := string(w.line()); !strings.Contains(got, "done all the same") {
		t.Error(got)
	}
	w.end()
}

func TestAWorkerWithoutASupervisorGivesItsCallsUp(t *testing.T) {
	w := startWorker(t, "own")
	w.send(`{"jsonrpc":"2.0","id":1,"method":"hang"}`)
	w.line()
	if rest := w.end(); !strings.Contains(rest, "the supervisor is gone") {
		t.Errorf("it wrote %q", rest)
	}
}

func TestAWorkerThatIsEndingGivesItsCallsUpWhenTheSupervisorIsGone(t *testing.T) {
	w := startWorker(t, "own")
	w.send(`{"jsonrpc":"2.0","id":1,"method":"hang"}`)
	w.line()
	_ = w.cmd.Process.Signal(syscall.SIGTERM)
	for { // until the signal has come
		w.send(`{"jsonrpc":"2.0","id":2,"method":"three","params":[1,2,3]}`)
		if strings.Contains(string(w.line()), `"code":1007`) {
			break
		}
	}
	if rest := w.end(); !strings.Contains(rest, "the supervisor is gone") {
		t.Errorf("it wrote %q", rest)
	}
}

func TestAServerSaysAllThatIsWrongWithIt(t *testing.T) {
	err := whipper.Server{Concurrency: 1001, Methods: whipper.Methods{"$/x": basic()["add"], "y": {}}}.Serve(t.Context())
	want := "Methods: \"$/x\" cannot be a method's name\nMethods: \"y\" has no function\nConcurrency: 1001 given, 1 to 1000 wanted"
	if err == nil || err.Error() != want {
		t.Error(err)
	}
	if err := whipper.Serve(t.Context(), nil); err == nil || err.Error() != "Methods: none given" {
		t.Error(err)
	}
}

func TestAMethodHasANameForEachParamOrNone(t *testing.T) {
	defer func() {
		if got := recover(); got != `whipper: a method of 2 params has 1 names: ["a"]` {
			t.Error(got)
		}
	}()
	whipper.Func2(func(_ context.Context, a, b int) (int, error) { return a + b, nil }, "a")
}

// heapNow is what is live on the heap.
func heapNow() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
