package whipper_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// basic is the worker that the transcripts call.
func basic() whipper.Methods {
	return whipper.Methods{
		"echo": whipper.FuncN(func(_ context.Context, args ...json.RawMessage) ([]json.RawMessage, error) { return args, nil }),
		"add": whipper.Func2(func(_ context.Context, a, b any) (any, error) {
			if text, ok := a.(string); ok {
				return text + b.(string), nil
			}
			return a.(float64) + b.(float64), nil
		}, "a", "b"),
		"fail": whipper.Func1(func(_ context.Context, message string) (any, error) { panic(errors.New(message)) }),
		"slow": whipper.Func1(func(ctx context.Context, ms int64) (int64, error) {
			select {
			case <-time.After(time.Duration(ms) * time.Millisecond):
				return ms, nil
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			}
		}),
		"print": whipper.Func1(func(_ context.Context, text string) (string, error) {
			fmt.Println(text)
			return text, nil
		}),
		"nothing": whipper.Func0(func(context.Context) (any, error) { return nil, nil }),
	}
}

func TestWorkerReplaysTheTranscripts(t *testing.T) {
	files, err := filepath.Glob("../conformance/worker/*.jsonl")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d transcripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".jsonl"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			w := startWorker(t, "basic")
			for i, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
				var step struct{ To, From json.RawMessage }
				if err := json.Unmarshal(line, &step); err != nil {
					t.Fatal(err)
				}
				switch {
				case step.To != nil && step.To[0] == '"':
					var raw string
					_ = json.Unmarshal(step.To, &raw)
					w.send(raw)
				case step.To != nil:
					w.send(string(step.To))
				case step.From != nil:
					got := w.line()
					if why := mismatch("", decoded(t, step.From), decoded(t, got)); why != "" {
						t.Fatalf("line %d: %s\n got %s\nwant %s", i+1, why, got, step.From)
					}
				}
			}
			if rest := w.end(); rest != "" {
				t.Errorf("it wrote %q after the last line", rest)
			}
		})
	}
}

// mismatch says where got does not match want: members that want does not name are free, and "*" is anything that is there.
func mismatch(at string, want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		for name := range w {
			value, there := g[name]
			if !ok || !there {
				return at + "." + name + " is missing"
			}
			if why := mismatch(at+"."+name, w[name], value); why != "" {
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
			if why := mismatch(fmt.Sprintf("%s[%d]", at, i), w[i], g[i]); why != "" {
				return why
			}
		}
		return ""
	}
	if want == "*" || want == got {
		return ""
	}
	return fmt.Sprintf("%s is %v, not %v", at, got, want)
}

func decoded(t *testing.T, raw []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return v
}

// bareWorker is a worker on bare pipes: this binary in one of its modes.
type bareWorker struct {
	t      *testing.T
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
	pipes  []uint64 // the inodes of stdin and stdout
}

func startWorker(t *testing.T, mode string) *bareWorker {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	w := &bareWorker{t: t, cmd: exec.CommandContext(ctx, self)}
	w.cmd.Env = append(os.Environ(), childEnv, modeEnv+"="+mode)
	w.cmd.Stderr = &w.stderr
	w.cmd.WaitDelay = time.Second
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.out = bufio.NewReader(out)
	for _, end := range []any{w.in, out} {
		info, err := end.(interface{ Stat() (fs.FileInfo, error) }).Stat()
		if err != nil {
			t.Fatal(err)
		}
		w.pipes = append(w.pipes, info.Sys().(*syscall.Stat_t).Ino)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.cmd.Process.Kill() }) // if the test has not waited for it
	return w
}

func (w *bareWorker) send(line string) {
	w.t.Helper()
	if _, err := io.WriteString(w.in, line+"\n"); err != nil {
		w.t.Fatal(err)
	}
}

// line is its next line that may be a message.
func (w *bareWorker) line() []byte {
	w.t.Helper()
	for {
		line, err := w.out.ReadBytes('\n')
		if err != nil {
			w.t.Fatalf("%v; stderr: %s", err, &w.stderr)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] == '{' {
			return line
		}
	}
}

// end closes stdin, and gives what comes on stdout until the process has ended in good order.
func (w *bareWorker) end() (rest string) {
	w.t.Helper()
	w.in.Close()
	out, err := io.ReadAll(w.out)
	if err := errors.Join(err, w.cmd.Wait()); err != nil {
		w.t.Errorf("%v; stderr: %s", err, &w.stderr)
	}
	return string(bytes.TrimSpace(out))
}
