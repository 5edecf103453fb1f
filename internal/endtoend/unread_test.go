package endtoend

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// With messages of 512 KiB at most, 8 MiB of answers may wait for each client; without bounds these would be 600 MiB.
func TestAnswersThatNobodyReadsTakeLittleMemory(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "state"), "--max-message-size", "512KiB", "--max-workers", "1", "testdata/memory.py")
	c := s.client()
	const kib = 256
	submitted, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "text", Params: raw(t, kib), Labels: map[string]string{"a": "b"}})
	check(t, err)
	ids := []int64{submitted.ID}
	_, err = c.Wait(t.Context(), whipper.WaitParams{IDs: ids})
	check(t, err)
	before := mostMemory(t, s.cmd.Process.Pid)

	const each = 600
	kinds := []string{
		fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"job.get","params":{"id":%d}}`, ids[0]),
		fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"job.wait","params":{"ids":[%d]}}`, ids[0]),
		`{"jsonrpc":"2.0","id":1,"method":"job.list","params":{"payloads":true,"label":{"name":"a","value":"b"}}}`,
		fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"job.invoke","params":{"method":"text","params":[%d]}}`, kib),
	}
	var deaf []*peer
	for _, request := range kinds {
		p := s.connect()
		p.say("%s", strings.Repeat(request+"\n", each))
		deaf = append(deaf, p)
	}
	// The worker has answered all that the fourth asked for when what is asked for later is done.
	for range 2 {
		submitted, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "echo", Priority: -100})
		check(t, err)
		_, err = c.Wait(t.Context(), whipper.WaitParams{IDs: []int64{submitted.ID}, TimeoutMs: patience.Milliseconds()})
		check(t, err)
	}
	if most := mostMemory(t, s.cmd.Process.Pid); most > before+300<<20 {
		t.Errorf("the supervisor grew from %d to %d MiB", before>>20, most>>20)
	} else {
		t.Logf("the supervisor grew from %d to %d MiB", before>>20, most>>20)
	}

	// Those that read after all get an answer to each, and what was read for them is whole.
	for i, p := range deaf[1:] {
		whole, leftOut := 0, 0
		for range each {
			switch m := p.hear(); {
			case len(m.Result) > kib<<10:
				whole++
			case m.Error != nil && m.Error.Code == 1009 && strings.Contains(m.Error.Message, "are unread"):
				leftOut++
			default:
				t.Fatalf("%s\n%+v", kinds[i+1], m)
			}
		}
		if isInvoke := i == 2; whole == 0 || isInvoke != (leftOut > 0) {
			t.Errorf("%s\n%d are whole, %d left out", kinds[i+1], whole, leftOut)
		}
	}
	// The first does not, which holds up no end.
	s.signal(syscall.SIGTERM)
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
