package matrix

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// patience bounds one scenario; it is reached only by one that fails.
const patience = 60 * time.Second

// side is a client's or a worker's program.
type side struct {
	name    string
	command []string
	env     []string
	needs   string // a folder without which it cannot run; "": nothing
}

// company is all programs of a checkout, and what they are to do.
type company struct {
	whipper          string
	clients, workers []side
	scenarios        []txtar.File
}

func TestEveryClientWorksWithEveryWorker(t *testing.T) {
	c := assemble(t, "../..")
	c.meet(t, c.whipper)
}

// assemble builds what has to be built of a checkout.
func assemble(t *testing.T, checkout string) company {
	t.Helper()
	root, err := filepath.Abs(checkout)
	if err != nil {
		t.Fatal(err)
	}
	here := filepath.Join(root, "internal/matrix")
	archive, err := txtar.ParseFile(filepath.Join(here, "scenarios.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	built := t.TempDir()
	for _, pkg := range []string{"./cmd/whipper", "./internal/matrix/client", "./internal/matrix/worker"} {
		build := exec.CommandContext(t.Context(), "go", "build", "-o", built+"/", pkg)
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", pkg, err, out)
		}
	}
	// Node finds the package "whipper" in a folder node_modules beside or above the program.
	node := filepath.Join(built, "node")
	if err := errors.Join(
		os.MkdirAll(filepath.Join(node, "node_modules"), 0o755),
		os.Symlink(filepath.Join(root, "sdk-node"), filepath.Join(node, "node_modules", "whipper")),
	); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"client/client.mjs", "worker/worker.mjs"} {
		text, err := os.ReadFile(filepath.Join(here, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(node, filepath.Base(name)), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	nodeClient, pythonClient := filepath.Join(root, "sdk-node/src/client"), filepath.Join(root, "sdk-python/src/whipper/client")
	return company{
		whipper:   filepath.Join(built, "whipper"),
		scenarios: archive.Files,
		clients: []side{
			{name: "go", command: []string{filepath.Join(built, "client")}},
			{name: "node", command: []string{"node", filepath.Join(node, "client.mjs")}, needs: nodeClient},
			{
				name: "python", command: []string{"python3", filepath.Join(here, "client/client.py")}, needs: pythonClient,
				env: []string{"PYTHONPATH=" + filepath.Join(root, "sdk-python/src")},
			},
			{
				name: "python threads", command: []string{"python3", filepath.Join(here, "client/sync.py")}, needs: pythonClient,
				env: []string{"PYTHONPATH=" + filepath.Join(root, "sdk-python/src")},
			},
		},
		workers: []side{
			{name: "go", command: []string{"--", filepath.Join(built, "worker")}},
			{name: "node", command: []string{filepath.Join(node, "worker.mjs")}, needs: nodeClient},
			{name: "python", command: []string{filepath.Join(here, "worker/worker.py")}, needs: pythonClient},
		},
	}
}

// meet plays all scenarios with every client and every worker, by way of a supervisor of this whipper or another.
func (c company) meet(t *testing.T, binary string) {
	for _, worker := range c.workers {
		t.Run("worker="+worker.name, func(t *testing.T) {
			worker.skipUnlessThere(t)
			s := startSupervisor(t, binary, worker)
			for _, client := range c.clients {
				t.Run("client="+client.name, func(t *testing.T) { c.play(t, client, s, s.Socket()) })
			}
		})
	}
}

// play plays all scenarios with a client that reaches the supervisor by a socket.
func (c company) play(t *testing.T, client side, s *whipper.Client, socket string) {
	client.skipUnlessThere(t)
	d := startDriver(t, client, socket)
	for _, f := range c.scenarios {
		t.Run(f.Name, func(t *testing.T) { play(t, d, s, f) })
	}
	d.end()
}

func (s side) skipUnlessThere(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(s.needs); s.needs != "" && err != nil {
		t.Skipf("there is no %s", s.needs)
	}
}

// startSupervisor gives a client of a supervisor with one worker process, that takes one call at a time.
func startSupervisor(t *testing.T, binary string, worker side) *whipper.Client {
	t.Helper()
	o := whipper.StartOptions{
		Binary: binary, MaxWorkers: 1, MaxConcurrentCalls: 1, Stderr: t.Output(),
		Env: worker.env,
	}
	if worker.command[0] == "--" {
		o.Command = worker.command[1:]
	} else {
		o.Script = worker.command[0]
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := whipper.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// driver is a client's program.
type driver struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	id  int
	got map[int]json.RawMessage // answers that came before others that were asked for first
}

func startDriver(t *testing.T, client side, socket string) *driver {
	t.Helper()
	cmd := exec.Command(client.command[0], client.command[1:]...)
	cmd.Env = append(append(os.Environ(), "WHIPPER_SOCKET="+socket), client.env...)
	cmd.Stderr, cmd.WaitDelay = t.Output(), time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // if it has not ended
	return &driver{t: t, cmd: cmd, in: in, out: bufio.NewReader(out), got: map[int]json.RawMessage{}}
}

// end has it end in good order.
func (d *driver) end() {
	d.t.Helper()
	d.in.Close()
	late := time.AfterFunc(patience, func() { _ = d.cmd.Process.Kill() })
	defer late.Stop()
	rest, _ := io.ReadAll(d.out)
	if err := d.cmd.Wait(); err != nil || len(rest) > 0 {
		d.t.Errorf("the client ended with %v, and wrote %q at last", err, rest)
	}
}

func (d *driver) send(t *testing.T, command map[string]any) (id int) {
	t.Helper()
	d.id++
	command["id"] = d.id
	raw, err := json.Marshal(command)
	if err == nil {
		_, err = d.in.Write(append(raw, '\n'))
	}
	if err != nil {
		t.Fatal(err)
	}
	return d.id
}

func (d *driver) answer(t *testing.T, id int) json.RawMessage {
	t.Helper()
	for d.got[id] == nil {
		line, err := d.out.ReadBytes('\n')
		var head struct{ ID int }
		if err := errors.Join(err, json.Unmarshal(line, &head)); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		d.got[head.ID] = line
	}
	defer delete(d.got, id)
	return d.got[id]
}

// play plays one scenario.
func play(t *testing.T, d *driver, s *whipper.Client, f txtar.File) {
	late := time.AfterFunc(patience, func() { _ = d.cmd.Process.Kill() })
	defer late.Stop()
	known := map[string]any{}
	// Names of which there may be only one in a ledger are this run's own.
	text := bytes.ReplaceAll(f.Data, []byte(`"CASE"`), fmt.Appendf(nil, "%q", t.Name()))
	var asked []int
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		rest := strings.TrimSpace(line[1:])
		switch line[0] {
		case '>':
			asked = append(asked, d.send(t, fill(decode(t, rest), known).(map[string]any)))
		case '<':
			if len(asked) == 0 {
				t.Fatalf("nothing was asked for %s", line)
			}
			got := d.answer(t, asked[0])
			asked = asked[1:]
			if why := mismatch("", fill(decode(t, rest), nil), decode(t, string(got)), known); why != "" {
				t.Fatalf("%s\n got %.300s\nwant %.300s", why, got, rest)
			}
		case '!':
			order(t, s, strings.Fields(rest), known)
		default:
			t.Fatalf("what is %q?", line)
		}
	}
	if len(asked) > 0 {
		t.Errorf("%d answers are not looked at", len(asked))
	}
}

// order does what a line with ! says.
func order(t *testing.T, s *whipper.Client, words []string, known map[string]any) {
	t.Helper()
	var err error
	switch words[0] {
	case "pause":
		_, err = s.Pause(t.Context(), whipper.PauseParams{})
		t.Cleanup(func() { _, _ = s.Resume(context.WithoutCancel(t.Context()), whipper.PauseParams{}) }) // for the next scenario, if this one fails
	case "resume":
		_, err = s.Resume(t.Context(), whipper.PauseParams{})
	case "job":
		id, _ := known[words[1]].(float64)
		var j whipper.Job
		var raw []byte
		if j, err = s.Get(t.Context(), whipper.GetParams{ID: int64(id)}); err == nil {
			raw, err = json.Marshal(j)
		}
		if err == nil {
			if why := mismatch("", decode(t, words[2]), decode(t, string(raw)), nil); why != "" {
				err = fmt.Errorf("job %s: %s", raw, why)
			}
		}
	case "busy":
		err = awaitBusy(t.Context(), s)
	default:
		err = fmt.Errorf("unknown order %q", words)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// awaitBusy waits until the worker has a call.
func awaitBusy(ctx context.Context, s *whipper.Client) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	changes, err := s.Events(ctx, whipper.EventFilter{Types: []string{whipper.EventStatusChanged}})
	if err != nil {
		return err
	}
	if stats, err := s.Stats(ctx, whipper.PoolParams{}); err != nil || stats.BusyWorkerCount+stats.AtCapacityWorkerCount > 0 {
		return err
	}
	for e, err := range changes {
		if err != nil || e.Worker.WorkingStatus != "idle" {
			return err
		}
	}
	return nil
}

func decode(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %.200s", err, text)
	}
	return v
}

// fill puts in what is known by name, and long strings.
func fill(v any, known map[string]any) any {
	switch v := v.(type) {
	case string:
		if value, ok := known[v]; ok {
			return value
		}
	case []any:
		for i := range v {
			v[i] = fill(v[i], known)
		}
	case map[string]any:
		if long, ok := v["$repeat"].([]any); ok {
			return strings.Repeat(long[0].(string), int(long[1].(float64)))
		}
		for name := range v {
			v[name] = fill(v[name], known)
		}
	}
	return v
}

// mismatch says where got does not match want, or "".
func mismatch(at string, want, got any, known map[string]any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		for name := range w {
			value, there := g[name]
			if !ok || !there {
				return at + "." + name + " is missing"
			}
			if why := mismatch(at+"."+name, w[name], value, known); why != "" {
				return why
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return at + " has another length"
		}
		for i := range w {
			if why := mismatch(fmt.Sprintf("%s[%d]", at, i), w[i], g[i], known); why != "" {
				return why
			}
		}
		return ""
	case string:
		value, is := known[w]
		switch {
		case w == "*":
			return ""
		case !strings.HasPrefix(w, "$"):
		case !is:
			known[w] = got
			return ""
		default:
			want = value
		}
	}
	if want == got {
		return ""
	}
	return fmt.Sprintf("%s is %.100v, not %.100v", at, got, want)
}
