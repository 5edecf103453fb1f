package endtoend

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// loadVar asks for the heavy forms, as `make load` does.
const loadVar = "WHIPPER_LOAD"

// heavy gives the larger of two sizes where it is asked for.
func heavy(short, long int) int {
	if os.Getenv(loadVar) != "" {
		return long
	}
	return short
}

// peer is a client that speaks in bytes, as well or as badly as a test wants.
type peer struct {
	t *testing.T
	net.Conn
	lines *bufio.Scanner
}

// connect is a connection that says nothing by itself.
func (s *supervisor) connect() *peer {
	s.t.Helper()
	path, err := os.ReadFile(filepath.Join(s.dir, "socket"))
	check(s.t, err)
	c, err := net.Dial("unix", strings.TrimSpace(string(path)))
	check(s.t, err)
	s.t.Cleanup(func() { _ = c.Close() })
	lines := bufio.NewScanner(c)
	lines.Buffer(nil, 32<<20)
	check(s.t, c.SetReadDeadline(time.Now().Add(2*patience)))
	return &peer{s.t, c, lines}
}

func (p *peer) say(format string, args ...any) {
	p.t.Helper()
	_, err := fmt.Fprintf(p.Conn, format, args...)
	check(p.t, err)
}

// hear is the next message.
func (p *peer) hear() (m struct {
	ID     int
	Method string
	Result json.RawMessage
	Error  *struct {
		Code    int
		Message string
	}
},
) {
	p.t.Helper()
	if !p.lines.Scan() {
		p.t.Fatalf("no message: %v", p.lines.Err())
	}
	check(p.t, json.Unmarshal(p.lines.Bytes(), &m))
	return m
}

// descriptors is how many files the supervisor has open.
func (s *supervisor) descriptors() int {
	s.t.Helper()
	open, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "fd"))
	if err != nil {
		s.t.Skipf("open files of a process are not known here: %v", err)
	}
	return len(open)
}

func TestAThousandClientsAreServedAtOnceAndCostNothingAfterwards(t *testing.T) {
	const clients = 1000
	s := start(t, filepath.Join(t.TempDir(), "state"), "--max-workers", "2", "testdata/memory.py")
	first := s.client()
	stop := neighbours(t, first)
	idle, memory, began := s.descriptors(), mostMemory(t, s.cmd.Process.Pid), time.Now()
	peers := make([]*peer, clients)
	for i := range peers {
		peers[i] = s.connect()
	}
	for i, p := range peers {
		p.say(`{"jsonrpc":"2.0","id":%d,"method":"job.invoke","params":{"method":"echo","params":[%d]}}`+"\n", i, i)
	}
	for i, p := range peers {
		if m := p.hear(); m.ID != i || string(m.Result) != fmt.Sprintf("[%d]", i) {
			t.Fatalf("client %d: %+v", i, m)
		}
	}
	open, peak := s.descriptors(), mostMemory(t, s.cmd.Process.Pid)
	if open < idle+clients {
		t.Errorf("%d files are open, and were %d: the clients were not there at once", open, idle)
	}
	if peak > memory+256<<20 {
		t.Errorf("the supervisor grew from %d to %d MiB", memory>>20, peak>>20)
	}
	for _, p := range peers {
		check(t, p.Close())
	}
	eventually(t, "the descriptors are given back", func() bool { return s.descriptors() <= idle+20 })
	t.Logf("%d clients: %s, at most %d MiB for %d MiB before, longest call beside them %s", clients, time.Since(began), peak>>20, memory>>20, stop().longest)
}

func TestTenThousandCallsWaitAndWhatIsMoreIsRefusedByName(t *testing.T) {
	const clients, each, limit = 16, 700, 10_000 // a connection has at most 4,096 in flight
	s := start(t, filepath.Join(t.TempDir(), "state"), "--max-workers", "2", "testdata/memory.py")
	c := s.client()
	_, err := c.Pause(t.Context(), whipper.PauseParams{})
	check(t, err)
	peers := make([]*peer, clients)
	for i := range peers {
		peers[i] = s.connect()
		var calls strings.Builder
		for n := range each {
			fmt.Fprintf(&calls, `{"jsonrpc":"2.0","id":%d,"method":"job.invoke","params":{"method":"echo","params":[%d],"timeoutMs":%d}}`+"\n", n, n, patience.Milliseconds())
		}
		peers[i].say("%s", calls.String())
	}
	eventually(t, "all are in, or refused", func() bool {
		pools, err := c.Pools(t.Context())
		check(t, err)
		return pools.Pools[0].Jobs["queued"] == limit
	})
	began := time.Now()
	_, err = c.Resume(t.Context(), whipper.PauseParams{})
	check(t, err)
	var mu sync.Mutex
	answered, refused := 0, 0
	var readers sync.WaitGroup
	for _, p := range peers {
		readers.Go(func() {
			for range each {
				if !p.lines.Scan() {
					t.Errorf("no answer: %v", p.lines.Err())
					return
				}
				text := p.lines.Text()
				mu.Lock()
				switch {
				case strings.Contains(text, `"code":1005`) && strings.Contains(text, "--max-queue-size"):
					refused++
				case strings.Contains(text, `"result":[`):
					answered++
				default:
					t.Errorf("answer %.300s", text)
				}
				mu.Unlock()
			}
		})
	}
	readers.Wait()
	if refused == 0 || answered < limit || answered+refused != clients*each {
		t.Errorf("of %d calls %d are answered and %d refused", clients*each, answered, refused)
	}
	t.Logf("%d calls answered in %s, %d refused, at most %d MiB", answered, time.Since(began), refused, mostMemory(t, s.cmd.Process.Pid)>>20)
	if result, _, err := c.Invoke(t.Context(), whipper.InvokeParams{Method: "echo", Params: raw(t, 1)}); err != nil || string(result) != "[1]" {
		t.Errorf("a call when there is room again: %s, %v", result, err)
	}
}

func TestClientsThatNeverReadOrSendHalfAFrameOrStallHoldUpNobodyElse(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "state"), "--max-workers", "2", "testdata/memory.py")
	c := s.client()
	before := mostMemory(t, s.cmd.Process.Pid)
	stop := neighbours(t, c)

	half := s.connect()
	const last = `{"jsonrpc":"2.0","id":1,"method":"job.invoke","params":{"method":"echo","params":[1]}}` + "\n"
	half.say("%s", last[:40])
	stalled := s.connect()
	stalled.say(`{"jsonrpc":"2.0","id":1,"method":"event.subscribe","params":{"types":["job"]}}` + "\n")
	stalled.hear()
	// One that asks for much and reads nothing is read from no more at some point; until then it may ask.
	deaf := s.connect()
	check(t, deaf.SetWriteDeadline(time.Now().Add(patience)))
	blocked := make(chan error, 1)
	go func() {
		large := strings.Repeat("x", 128<<10)
		for n := 0; ; n++ {
			if _, err := fmt.Fprintf(deaf.Conn, `{"jsonrpc":"2.0","id":%d,"method":"job.invoke","params":{"method":"echo","params":["%s"]}}`+"\n", n, large); err != nil {
				blocked <- err
				return
			}
		}
	}()
	// 20,000 events are more than wait for a subscriber.
	jobs := make([]whipper.SubmitParams, 5000)
	for i := range jobs {
		jobs[i] = whipper.SubmitParams{Method: "echo", Params: raw(t, i)}
	}
	for range 2 {
		ids, err := c.SubmitBatch(t.Context(), whipper.SubmitBatchParams{Jobs: jobs})
		check(t, err)
		_, err = c.Wait(t.Context(), whipper.WaitParams{IDs: ids.IDs, TimeoutMs: patience.Milliseconds()})
		check(t, err)
	}
	longest := stop().longest
	select {
	case err := <-blocked:
		t.Errorf("the one that reads nothing was cut off: %v", err)
	default:
	}
	if after := mostMemory(t, s.cmd.Process.Pid); after > before+512<<20 {
		t.Errorf("the supervisor grew from %d to %d MiB", before>>20, after>>20)
	} else {
		t.Logf("the supervisor grew from %d to %d MiB, longest call beside them %s", before>>20, after>>20, longest)
	}
	// All three go on where they stopped.
	half.say("%s", last[40:])
	if m := half.hear(); string(m.Result) != "[1]" {
		t.Errorf("after the other half: %+v", m)
	}
	lost := 0
	for lost == 0 {
		if !stalled.lines.Scan() {
			t.Fatalf("no more events: %v", stalled.lines.Err())
		}
		var event struct{ Params struct{ Lost int } }
		check(t, json.Unmarshal(stalled.lines.Bytes(), &event))
		lost = event.Params.Lost
	}
	for range 100 {
		if m := deaf.hear(); len(m.Result) < 128<<10 {
			t.Fatalf("an answer that was not read: %+v", m)
		}
	}
	check(t, deaf.Close())
	if err := <-blocked; errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

func TestALargeBatchIsTakenAndDone(t *testing.T) {
	n := heavy(100_000, 1_000_000)
	dir := filepath.Join(t.TempDir(), "state")
	s := start(t, dir, "--max-workers", "2", "--max-concurrent-calls", "32", "testdata/worker.mjs")
	c := s.client()
	path := filepath.Join(t.TempDir(), "batch")
	file, err := os.Create(path)
	check(t, err)
	lines := bufio.NewWriter(file)
	for i := range n {
		fmt.Fprintf(lines, `{"method":"add","params":[%d,1],"maxAttempts":1}`+"\n", i)
	}
	check(t, lines.Flush())
	check(t, file.Close())
	stop := neighboursOf(t, c, "sleep", raw(t, 0), `"slept"`)
	began := time.Now()
	submit := exec.CommandContext(t.Context(), binary, "submit", "--dir", dir, "--batch", path) // which may take longer than any other command
	if out, err := submit.CombinedOutput(); err != nil {
		t.Fatalf("submit: %v\n%s", err, out)
	}
	submitted := time.Since(began)
	jobs := func() map[string]int64 {
		pools, err := c.Pools(t.Context())
		check(t, err)
		return pools.Pools[0].Jobs
	}
	for left := 49; left >= 0; left-- { // each part may take as long as anything
		eventually(t, fmt.Sprintf("only %d in 50 are left", left), func() bool { return jobs()["queued"] <= int64(n/50*left) })
	}
	longest := stop().longest
	eventually(t, "the last have ended", func() bool { return jobs()["running"] == 0 })
	done := time.Since(began)
	var ended struct{ Succeeded int }
	check(t, json.Unmarshal([]byte(must(t, dir, "ledger", "stats", "--json", "--method", "add")), &ended))
	if ended.Succeeded != n {
		t.Errorf("%d of %d jobs have succeeded", ended.Succeeded, n)
	}
	peak := mostMemory(t, s.cmd.Process.Pid)
	if peak > 300<<20 {
		t.Errorf("the supervisor took %d MiB", peak>>20)
	}
	info, err := os.Stat(filepath.Join(dir, "ledger.db"))
	check(t, err)
	t.Logf("%d jobs: submitted in %s, done in %s (%.0f a second), at most %d MiB, %d bytes a job on disk, longest call beside them %s",
		n, submitted, done, float64(n)/done.Seconds(), peak>>20, info.Size()/int64(n), longest)
}

func TestWithoutDescriptorsWhoIsThereIsServedAndOthersWaitTheirTurn(t *testing.T) {
	s := prepare(t, filepath.Join(t.TempDir(), "state"), "--min-workers", "2", "--max-workers", "2", "testdata/memory.py")
	limited := []string{"sh", "-c", `ulimit -n 64 && exec "$0" "$@"`}
	s.cmd.Path, s.cmd.Args = "/bin/sh", append(limited, s.cmd.Args...)
	s.begin()
	s.says(1, "is ready")
	c := s.client()
	whole(t, c, 2)
	crowd := make([]*peer, 100)
	for i := range crowd {
		crowd[i] = s.connect()
		crowd[i].say(`{"jsonrpc":"2.0","id":%d,"method":"ping"}`+"\n", i)
	}
	s.says(1, "accept on socket.*too many open files")

	// Who is there already is served.
	result, _, err := c.Invoke(t.Context(), whipper.InvokeParams{Method: "echo", Params: raw(t, 1)})
	if err != nil || string(result) != "[1]" {
		t.Errorf("result %s, %v", result, err)
	}
	submitted, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "echo", Params: raw(t, 2)})
	check(t, err)
	_, err = c.Wait(t.Context(), whipper.WaitParams{IDs: []int64{submitted.ID}, TimeoutMs: patience.Milliseconds()})
	check(t, err)
	// A worker that has to be replaced is, when there are descriptors again.
	died := s.workers(c, anyState)[0]
	process, err := os.FindProcess(died)
	check(t, err)
	check(t, process.Kill())
	// As some go, others come in: all are answered in the end.
	for i, p := range crowd {
		if m := p.hear(); m.ID != i || m.Error != nil {
			t.Errorf("client %d: %+v", i, m)
		}
		check(t, p.Close())
	}
	whole(t, c, 2)
	_, _, err = s.client().Invoke(t.Context(), whipper.InvokeParams{Method: "echo", Params: raw(t, 3)})
	check(t, err)
}

func TestAWorkerThatTakesTooMuchMemoryHarmsItsOwnCallAlone(t *testing.T) {
	for _, limit := range []struct {
		name  string
		flags []string
		code  int64
		says  string
	}{
		{"address space", []string{"--limit-as", "64MiB"}, 1, "MemoryError"},
		{"resident memory", []string{"--max-rss-hard", "64MiB"}, whipper.CodeWorkerCrashed, "--max-rss-hard"},
	} {
		t.Run(limit.name, func(t *testing.T) {
			s := start(t, filepath.Join(t.TempDir(), "state"),
				append(limit.flags, "--min-workers", "2", "--max-workers", "2", "--max-concurrent-calls", "1", "testdata/memory.py")...)
			c := s.client()
			whole(t, c, 2)
			stop := neighbours(t, c)
			_, _, err := c.Invoke(t.Context(), whipper.InvokeParams{Method: "hold", Params: raw(t, 500), TimeoutMs: patience.Milliseconds()})
			var failed *whipper.Error
			if !errors.As(err, &failed) || failed.Code != limit.code || !strings.Contains(failed.Error(), limit.says) {
				t.Errorf("the call that takes 500 MiB: %v", err)
			}
			stop()
			whole(t, c, 2)
			if result, _, err := c.Invoke(t.Context(), whipper.InvokeParams{Method: "hold", Params: raw(t, 1)}); err != nil || string(result) != "1048576" {
				t.Errorf("the next call: %s, %v", result, err)
			}
		})
	}
}

// What the supervisor holds for its clients is bounded, so it lives within a limit of memory that it is given.
func TestASupervisorWithLittleMemoryServesLargePayloads(t *testing.T) {
	const callers, calls, limit = 8, 32, 320 << 20 // less than the payloads together and what it takes besides
	t.Setenv("GOMEMLIMIT", "128MiB")
	s := start(t, filepath.Join(t.TempDir(), "state"), "--max-workers", "2", "testdata/memory.py")
	payload := strings.Repeat("x", 1<<20)
	var clients sync.WaitGroup
	for range callers {
		c := s.client()
		clients.Go(func() {
			for range calls {
				result, _, err := c.Invoke(t.Context(), whipper.InvokeParams{Method: "echo", Params: raw(t, payload), TimeoutMs: patience.Milliseconds()})
				if err != nil || len(result) != len(payload)+4 {
					t.Errorf("%d bytes, %v", len(result), err)
					return
				}
			}
		})
	}
	clients.Wait()
	peak := mostMemory(t, s.cmd.Process.Pid)
	if peak > limit {
		t.Errorf("it took %d MiB", peak>>20)
	}
	t.Logf("%d calls of 1 MiB from %d clients with GOMEMLIMIT=128MiB: at most %d MiB", callers*calls, callers, peak>>20)
}

// manyWorker answers every request with its id, and takes a megabyte.
const manyWorker = `s/.*"id":\([0-9]*\).*/{"jsonrpc":"2.0","id":\1,"result":\1}/p`

func TestManyWorkersAreStartedServeAndEnd(t *testing.T) {
	n := heavy(50, 500)
	dir, count := filepath.Join(t.TempDir(), "state"), strconv.Itoa(n)
	began := time.Now()
	s := start(t, dir, "--min-workers", count, "--max-workers", count, "--handshake", "none", "--", "sed", "-un", manyWorker)
	c := s.client()
	whole(t, c, n)
	started := time.Since(began)
	jobs := make([]whipper.SubmitParams, 10*n)
	for i := range jobs {
		jobs[i] = whipper.SubmitParams{Method: "any"}
	}
	ids, err := c.SubmitBatch(t.Context(), whipper.SubmitBatchParams{Jobs: jobs})
	check(t, err)
	_, err = c.Wait(t.Context(), whipper.WaitParams{IDs: ids.IDs, TimeoutMs: patience.Milliseconds()})
	check(t, err)
	done := time.Since(began) - started
	open, peak := s.descriptors(), mostMemory(t, s.cmd.Process.Pid)
	if peak > 100<<20+int64(n)<<20 {
		t.Errorf("the supervisor took %d MiB", peak>>20)
	}
	ending := time.Now()
	s.signal(syscall.SIGTERM)
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	t.Logf("%d workers: started in %s, %d jobs in %s, ended in %s, %d descriptors, at most %d MiB", n, started, len(jobs), done, time.Since(ending), open, peak>>20)
	nothingLeft(t, dir)
}
