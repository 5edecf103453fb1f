package matrix

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"golang.org/x/tools/txtar"
)

// olderVar names a checkout of an earlier commit, see `make older`.
const olderVar = "WHIPPER_OLDER"

func TestClientsAndWorkersOfAnEarlierVersionWorkWithThisOneAndTheOtherWayAround(t *testing.T) {
	checkout := os.Getenv(olderVar)
	if checkout == "" {
		t.Skip("make older OLDER=COMMIT runs this with an earlier version")
	}
	if _, err := os.Stat(filepath.Join(checkout, "internal/matrix")); err != nil {
		t.Skipf("it is older than the programs that would be tried: %v", err)
	}
	now, then := assemble(t, "../.."), assemble(t, checkout)
	t.Run("theirs", func(t *testing.T) { then.meet(t, now.whipper) })
	now.scenarios = then.scenarios // what the earlier supervisor can do
	t.Run("ours", func(t *testing.T) { now.meet(t, then.whipper) })
}

// A later supervisor may add members, notifications and types of events.
func TestEveryClientPassesOverWhatALaterSupervisorAdds(t *testing.T) {
	c := assemble(t, "../..")
	c.scenarios = slices.DeleteFunc(c.scenarios, func(f txtar.File) bool { return f.Name == "large payloads" }) // what stands between is slow
	s := startSupervisor(t, c.whipper, c.workers[0])
	for _, client := range c.clients {
		t.Run("client="+client.name, func(t *testing.T) { c.play(t, client, s, laterSupervisor(t, s.Socket())) })
	}
}

// laterSupervisor is a socket that stands before another, and adds to what that says.
func laterSupervisor(t *testing.T, socket string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var connections sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		connections.Wait()
	})
	connections.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { pass(t, client, socket) })
		}
	})
	return path
}

// pass passes on what a client and the supervisor say to one another, until either ends.
func pass(t *testing.T, client net.Conn, socket string) {
	defer client.Close()
	supervisor, err := net.Dial("unix", socket)
	if err != nil {
		t.Error(err)
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		defer client.Close()
		for lines := bufio.NewReader(supervisor); ; {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				return
			}
			_, _ = client.Write(append([]byte(`{"jsonrpc":"2.0","method":"later","params":{"type":"later"}}`+"\n"), added(t, line)...)) // or it has gone
		}
	})
	_, _ = io.Copy(supervisor, client)
	supervisor.Close()
	back.Wait()
}

// added is a message with a member more in whatever is whipper's own in it.
func added(t *testing.T, line []byte) []byte {
	var m map[string]any
	if err := json.Unmarshal(line, &m); err != nil {
		t.Errorf("%v: %.200q", err, line)
		return line
	}
	addTo(m)
	_, invoked := m["meta"] // the result of an invoke is the worker's
	for _, name := range []string{"result", "params", "meta"} {
		if own, ok := m[name].(map[string]any); ok && (name != "result" || !invoked) {
			addTo(own)
			for _, name := range []string{"job", "worker", "stats", "pool"} {
				if inner, ok := own[name].(map[string]any); ok {
					addTo(inner)
				}
			}
			for _, name := range []string{"jobs", "pools", "workers", "schedules"} {
				list, _ := own[name].([]any)
				for _, inner := range list {
					if inner, ok := inner.(map[string]any); ok {
						addTo(inner)
					}
				}
			}
		}
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Error(err)
		return line
	}
	return append(text, '\n')
}

func addTo(object map[string]any) {
	object["later"] = map[string]any{"added": []any{1, "by a later version"}}
}
