package whipper_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
	"github.com/whipper-sidecar/whipper/server"
	"github.com/whipper-sidecar/whipper/supervisor"
)

// modeEnv makes the test binary play another process.
const modeEnv = "WHIPPER_SDK_TEST_MODE"

// childEnv has such a process end without the race detector's pause of a second.
const childEnv = "GORACE=atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	switch os.Getenv(modeEnv) {
	case "":
		goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
			if builtIn != "" {
				_ = os.RemoveAll(builtIn)
			}
			os.Exit(code)
		}))
	case "worker":
		runWorker()
	case "basic":
		serveBasic()
	case "own":
		serveOwn()
	case "application":
		runApplication(os.Args[1])
	case "traced":
		serveTraced()
	case "listeners":
		serveListeners()
	case "connect": // as another user
		_, err := whipper.Dial(context.Background(), whipper.Options{Dir: os.Args[1]})
		var untrusted *whipper.UntrustedError
		fmt.Println(errors.As(err, &untrusted), err)
	case "impostor": // another user's process on the socket, until stdin ends
		runImpostor(os.Args[1])
	}
}

// serveBasic is the main of a worker, made to print before it serves.
func serveBasic() {
	fmt.Print("it begins") // without a line end
	if err := (whipper.Server{Methods: basic(), Version: "1.0.0"}).Serve(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// stdio is the worker's end of its pipes.
type stdio struct {
	io.Reader
	io.Writer
}

func (stdio) Close() error { return os.Stdin.Close() }

// runWorker serves sayHi, fail and hang until its stdin ends.
func runWorker() {
	var mu sync.Mutex
	hanging := map[string]*jsonrpc.Request{}
	conn := jsonrpc.NewConn(stdio{os.Stdin, os.Stdout}, jsonrpc.HandlerFunc(func(c *jsonrpc.Conn, r *jsonrpc.Request) {
		mu.Lock()
		defer mu.Unlock()
		var err error
		switch r.Method {
		case "$/initialize":
			err = c.Reply(r, json.RawMessage(`{"protocolVersion":1,"concurrency":4}`), nil)
		case "$/cancelRequest":
			var p jsonrpc.CancelParams
			if err = json.Unmarshal(r.Params, &p); hanging[string(p.ID)] != nil {
				err = c.ReplyError(hanging[string(p.ID)], jsonrpc.Errorf(jsonrpc.CodeRequestCancelled, "cancelled"), nil)
			}
		case "sayHi":
			var names []string
			err = errors.Join(json.Unmarshal(r.Params, &names), c.Reply(r, fmt.Appendf(nil, "%q", "hi "+names[0]), nil))
		case "fail":
			err = c.ReplyError(r, &jsonrpc.Error{Code: 1, Message: "out of paper", Data: json.RawMessage(`{"type":"PrinterError"}`)}, nil)
		case "tell": // its params are its progress
			var values []json.RawMessage
			err = json.Unmarshal(r.Params, &values)
			for _, v := range values {
				err = errors.Join(err, c.Notify("$/progress", fmt.Appendf(nil, `{"id":%s,"value":%s}`, r.ID, v)))
			}
			err = errors.Join(err, c.Reply(r, json.RawMessage(`"told"`), nil))
		case "repeat": // tells 7 until its param, a file, is there
			var files []string
			err = json.Unmarshal(r.Params, &files)
			go func() { // ends with the call
				for {
					_ = c.Notify("$/progress", fmt.Appendf(nil, `{"id":%s,"value":7}`, r.ID)) // the test sees what comes
					if _, err := os.Stat(files[0]); err == nil {
						_ = c.Reply(r, nil, nil)
						return
					}
					time.Sleep(time.Millisecond)
				}
			}()
		case "hang":
			hanging[string(r.ID)] = r
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}), jsonrpc.Options{})
	<-conn.Done()
	conn.Close()
}

// startSupervisor runs a supervisor in this process, with one real worker, on a folder of its own.
func startSupervisor() (dir string, stop func(), err error) {
	if dir, err = os.MkdirTemp("/tmp", "wsdk"); err != nil {
		return "", nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	l, err := ledger.Open(context.Background(), ledger.Options{Dir: dir, Durability: ledger.Normal})
	if err != nil {
		return "", nil, err
	}
	events := supervisor.NewEvents()
	pool, err := supervisor.NewPool(l, supervisor.Options{
		Events:  events,
		Command: []string{self}, Env: append(os.Environ(), childEnv, modeEnv+"=worker"), MaxWorkers: 1,
	})
	if err != nil {
		return "", nil, err
	}
	path, err := server.Address(dir, "")
	if err != nil {
		return "", nil, err
	}
	listener, err := server.Listen(dir, path)
	if err != nil {
		return "", nil, err
	}
	drained := make(chan struct{})
	s := server.New(server.Options{Ledger: l, Pools: []server.Pool{pool}, Events: events, PoolsDrained: drained})
	ctx, cancel := context.WithCancel(context.Background())
	var owned sync.WaitGroup
	var runErr, serveErr error
	owned.Go(func() {
		defer close(drained)
		runErr = pool.Run(ctx, nil)
	})
	owned.Go(func() { serveErr = s.Serve(ctx, listener) })
	stop = func() {
		cancel()
		owned.Wait()
		if err := errors.Join(runErr, serveErr, l.Close(), os.RemoveAll(dir)); err != nil {
			panic(err)
		}
	}
	return dir, stop, nil
}
