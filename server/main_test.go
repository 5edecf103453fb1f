package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// childEnv has a child of this test binary end without the race detector's pause of a second.
const childEnv = "GORACE=atexit_sleep_ms=0"

// modeEnv makes the test binary play another process.
const modeEnv = "WHIPPER_SERVER_TEST_MODE"

func TestMain(m *testing.M) {
	switch os.Getenv(modeEnv) {
	case "":
		goleak.VerifyTestMain(m)
	case "worker":
		runWorker()
	case "connect":
		runConnect(os.Args[1])
	case "listen":
		runListen(os.Args[1], os.Args[2])
	}
}

// stdio is the worker's end of its pipes.
type stdio struct {
	io.Reader
	io.Writer
}

func (stdio) Close() error { return os.Stdin.Close() }

// runWorker serves echo, subtract, fail and hang until its stdin ends.
func runWorker() {
	var mu sync.Mutex
	hanging := map[string]*jsonrpc.Request{}
	conn := jsonrpc.NewConn(stdio{os.Stdin, os.Stdout}, jsonrpc.HandlerFunc(func(c *jsonrpc.Conn, r *jsonrpc.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch r.Method {
		case jsonrpc.MethodInitialize:
			c.Reply(r, json.RawMessage(`{"protocolVersion":1,"concurrency":64,"methods":[{"name":"echo"},{"name":"subtract"},{"name":"fail"},{"name":"hang"}]}`), nil)
		case jsonrpc.MethodCancel:
			var p jsonrpc.CancelParams
			json.Unmarshal(r.Params, &p)
			if h := hanging[string(p.ID)]; h != nil {
				delete(hanging, string(p.ID))
				c.ReplyError(h, jsonrpc.Errorf(jsonrpc.CodeRequestCancelled, "cancelled"), nil)
			}
		case "echo":
			c.Reply(r, r.Params, nil)
		case "subtract":
			var n [2]int
			json.Unmarshal(r.Params, &n)
			c.Reply(r, fmt.Appendf(nil, "%d", n[0]-n[1]), nil)
		case "fail":
			c.ReplyError(r, &jsonrpc.Error{Code: 1002, Message: "no <luck>", Data: json.RawMessage(`{"type": "TimeoutError",  "n":1.0}`)}, nil)
		case "tell", "tell-and-hang": // its params are its progress, one after the other
			var values []json.RawMessage
			json.Unmarshal(r.Params, &values)
			for _, v := range values {
				c.Notify(jsonrpc.MethodProgress, fmt.Appendf(nil, `{"id":%s,"value":%s}`, r.ID, v))
			}
			if r.Method == "tell" {
				c.Reply(r, nil, nil)
			}
		case "repeat": // tells its first param until it is cancelled
			var values []json.RawMessage
			json.Unmarshal(r.Params, &values)
			hanging[string(r.ID)] = r
			go func() { // ends with the call
				for goesOn := true; goesOn; time.Sleep(time.Millisecond) {
					c.Notify(jsonrpc.MethodProgress, fmt.Appendf(nil, `{"id":%s,"value":%s}`, r.ID, values[0]))
					mu.Lock()
					_, goesOn = hanging[string(r.ID)]
					mu.Unlock()
				}
			}()
		case "flood": // progress of so many values of so many bytes
			var n [2]int
			json.Unmarshal(r.Params, &n)
			for i := range n[0] {
				c.Notify(jsonrpc.MethodProgress, fmt.Appendf(nil, `{"id":%s,"value":"%d %s"}`, r.ID, i, strings.Repeat("x", n[1])))
			}
			c.Reply(r, nil, nil)
		case "hang":
			hanging[string(r.ID)] = r
		default:
			if !r.Notification() {
				c.ReplyError(r, jsonrpc.Errorf(jsonrpc.CodeMethodNotFound, "no method %q", r.Method), nil)
			}
		}
	}), jsonrpc.Options{})
	<-conn.Done()
	conn.Close()
}

// runConnect says how the socket treats a connection: "refused: …" or the first bytes that come.
func runConnect(path string) {
	c, err := net.Dial("unix", path)
	if err != nil {
		fmt.Println("dial:", err)
		return
	}
	defer c.Close()
	_, _ = io.WriteString(c, `{"jsonrpc":"2.0","id":1,"method":"ping"}`+"\n") // the server may have closed already
	b, err := io.ReadAll(io.LimitReader(c, 20))
	fmt.Printf("read %q %v\n", b, err)
}

// runListen prints the modes that a Listener's files get under the umask that is given in octal.
func runListen(umask, dir string) {
	var mask int
	fmt.Sscanf(umask, "%o", &mask)
	syscall.Umask(mask)
	path, err := Address(dir, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := Listen(dir, path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	for _, p := range []string{dir, path, dir + "/socket"} {
		info, err := os.Stat(p)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%04o\n", info.Mode().Perm())
	}
}
