package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

func TestSupervisorWhoseStderrNobodyReadsGoesOnAndEnds(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			script := filepath.Join(dir, "tasks.mjs")
			if err := os.WriteFile(script, []byte(`
				const line = "x".repeat(1000) + "\n";
				export const chat = () => new Promise((done) => process.stderr.write(line.repeat(4000), () => done("done")));
				export const crash = () => process.kill(process.pid, "SIGKILL");
			`), 0o600); err != nil {
				t.Fatal(err)
			}
			unread, stderr, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer unread.Close()
			ready, fd, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer ready.Close()
			cmd := exec.Command("whipper", "exec", "--ready-fd", "3", "--log-format", format, "--dir", ".w", script)
			cmd.Dir, cmd.Stderr, cmd.ExtraFiles = dir, stderr, []*os.File{fd}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			defer func() { _ = cmd.Process.Kill() }()
			if err := errors.Join(stderr.Close(), fd.Close()); err != nil {
				t.Fatal(err)
			}
			if line, err := io.ReadAll(ready); err != nil || len(line) == 0 {
				t.Fatalf("it did not get ready: %v", err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			client, err := whipper.Dial(ctx, whipper.Options{Dir: filepath.Join(dir, ".w"), Once: true})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			for range 2 {
				if result, _, err := client.Invoke(ctx, jsonrpc.InvokeParams{Method: "chat"}); err != nil || string(result) != `"done"` {
					t.Fatalf("the call got %s, %v", result, err)
				}
				var died *jsonrpc.Error
				if _, _, err := client.Invoke(ctx, jsonrpc.InvokeParams{Method: "crash"}); !errors.As(err, &died) || died.Code != jsonrpc.CodeWorkerCrashed {
					t.Fatalf("the call that kills its worker got %v", err)
				}
			}
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("it ended with %v, want exit code 0", err)
				}
			case <-ctx.Done():
				t.Error("it has not ended")
			}
		})
	}
}

func TestLogLinesThatDoNotFitAreCountedWhereTheyAreMissing(t *testing.T) {
	reader, writer := io.Pipe()
	s := newLogSink(writer, 10*(2+logLine))
	fmt.Fprint(s, "a\n")
	lines := bufio.NewScanner(reader)
	first := make([]byte, 1)
	if _, err := io.ReadFull(reader, first); err != nil { // "a" is being written, nothing waits
		t.Fatal(err)
	}
	for range 30 {
		fmt.Fprint(s, "b\n")
	}
	done := make(chan []string)
	go func() {
		var got []string
		for lines.Scan() {
			if got = append(got, lines.Text()); strings.Contains(lines.Text(), "dropped") {
				break
			}
		}
		done <- got
	}()
	got := <-done
	want := "," + strings.Repeat("b,", 10) + "whipper: 20 lines of the log were dropped: stderr took them too slowly, or not at all"
	if strings.Join(got, ",") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ","), want)
	}
	fmt.Fprint(s, "c\n")
	go s.close(patience)
	if !lines.Scan() || lines.Text() != "c" {
		t.Errorf("after the note came %q, %v", lines.Text(), lines.Err())
	}
	<-s.done
}

func TestEndOfALogIsWaitedForButNotForEver(t *testing.T) {
	var whole bytes.Buffer
	s := newLogSink(&whole, logBuffer)
	for range 1000 {
		fmt.Fprint(s, "a line\n")
	}
	s.close(patience)
	if got := strings.Count(whole.String(), "a line\n"); got != 1000 {
		t.Errorf("%d lines were written, want 1000", got)
	}

	unread, writer := io.Pipe()
	s = newLogSink(writer, logBuffer)
	fmt.Fprint(s, "a line\n")
	begin := time.Now()
	s.close(10 * time.Millisecond)
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("it took %s", took)
	}
	if err := unread.Close(); err != nil { // lets the goroutine end
		t.Fatal(err)
	}
	<-s.done
}
