package endtoend

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

// bare is a connection to the supervisor's socket, line by line.
type bare struct {
	t *testing.T
	net.Conn
	lines *bufio.Reader
}

func (s *supervisor) bare(t *testing.T) *bare {
	t.Helper()
	path, err := os.ReadFile(filepath.Join(s.dir, "socket"))
	check(t, err)
	c, err := net.Dial("unix", strings.TrimSpace(string(path)))
	check(t, err)
	t.Cleanup(func() { c.Close() })
	check(t, c.SetDeadline(time.Now().Add(patience)))
	return &bare{t, c, bufio.NewReaderSize(c, 1<<20)}
}

func (b *bare) send(frame []byte) {
	b.t.Helper()
	_, err := b.Write(append(slices.Clip(frame), '\n'))
	check(b.t, err)
}

func (b *bare) line() []byte {
	b.t.Helper()
	line, err := b.lines.ReadBytes('\n')
	if err != nil {
		b.t.Fatalf("no line comes: %v", err)
	}
	return bytes.TrimSuffix(line, []byte("\n"))
}

const (
	fence       = `{"jsonrpc":"2.0","id":"fence","method":"job.get","params":{"id":9000000000}}`
	fenceAnswer = `{"jsonrpc":"2.0","id":"fence","error":{"code":1006}}`
)

func TestTheSocketKeepsToEveryRuleOfTheSpecification(t *testing.T) {
	archive, err := txtar.ParseFile("../../conformance/socket.txtar")
	check(t, err)
	if len(archive.Files) < 40 {
		t.Fatalf("%d transcripts", len(archive.Files))
	}
	s := start(t, filepath.Join(t.TempDir(), "state"), "testdata/calculator.py")
	for _, transcript := range archive.Files {
		t.Run(transcript.Name, func(t *testing.T) {
			c := s.bare(t)
			steps := strings.Split(strings.TrimSpace(string(transcript.Data)), "\n")
			for _, step := range append(steps, "→ "+fence, "← "+fenceAnswer) {
				direction, text, _ := strings.Cut(step, " ")
				switch direction {
				case "→":
					c.send([]byte(text))
				case "←":
					got := c.line()
					if why := unlike([]byte(text), got); why != "" {
						t.Fatalf("%s\nwant %s\n got %s", why, text, got)
					}
				default:
					t.Fatalf("what is %q?", step)
				}
			}
		})
	}
}

// unlike says in what an answer, or an array of them in any order, is not as it should be. Each has a version, and a result or an error; what is not in
// want is free, and "*" is any value. Ids are compared byte for byte.
func unlike(want, got []byte) string {
	if got[0] != '[' || want[0] != '[' {
		return unlikeOne(want, got)
	}
	var wants, gots []json.RawMessage
	if json.Unmarshal(want, &wants) != nil || json.Unmarshal(got, &gots) != nil || len(wants) != len(gots) {
		return fmt.Sprintf("%d answers, want %d", len(gots), len(wants))
	}
	for _, want := range wants {
		at := slices.IndexFunc(gots, func(got json.RawMessage) bool { return unlikeOne(want, got) == "" })
		if at < 0 {
			return fmt.Sprintf("none is %s", want)
		}
		gots = slices.Delete(gots, at, at+1)
	}
	return ""
}

func unlikeOne(want, got []byte) string {
	var w, g map[string]json.RawMessage
	if err := json.Unmarshal(want, &w); err != nil {
		return err.Error()
	}
	if err := json.Unmarshal(got, &g); err != nil {
		return err.Error()
	}
	_, result := g["result"]
	failure, failed := g["error"]
	members := slices.Sorted(maps.Keys(g))
	members = slices.DeleteFunc(members, func(name string) bool { return name == "meta" }) // whipper's extension
	var fault struct {
		Code    *int64
		Message *string
	}
	switch {
	case result == failed:
		return fmt.Sprintf("result: %v, error: %v", result, failed)
	case len(members) != 3 || string(g["jsonrpc"]) != `"2.0"`:
		return fmt.Sprintf("it has %q", members)
	case string(g["id"]) != string(w["id"]):
		return fmt.Sprintf("the id is %s, want %s", g["id"], w["id"])
	case failed && (json.Unmarshal(failure, &fault) != nil || fault.Code == nil || fault.Message == nil):
		return "the error has no integer code or no message"
	}
	for name, value := range w {
		var wanted, given any
		if err := json.Unmarshal(value, &wanted); err != nil {
			return err.Error()
		}
		if g[name] == nil || json.Unmarshal(g[name], &given) != nil || !within(wanted, given) {
			return fmt.Sprintf("%s is %s", name, g[name])
		}
	}
	return ""
}

// within says whether got is want, but for members that want does not have.
func within(want, got any) bool {
	object, ok := want.(map[string]any)
	if !ok {
		return want == "*" || reflect.DeepEqual(want, got)
	}
	gotObject, _ := got.(map[string]any)
	for name, value := range object {
		given, there := gotObject[name]
		if !there || !within(value, given) {
			return false
		}
	}
	return true
}
