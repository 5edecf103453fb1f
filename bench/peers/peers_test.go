package peers

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/bench/result"
)

// fake makes a folder of peers with one, which is a shell script.
func fake(t *testing.T, script string) (dir, folder string) {
	t.Helper()
	dir = t.TempDir()
	folder = filepath.Join(dir, "fake")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "peer.sh"), script)
	write(t, filepath.Join(folder, "peer.json"), `{"name":"Fake","works":["durable","submit"],"variants":[{"name":"fast","args":["--fsync","no"]},{"name":"safe","args":[]}],
		"install":[["sh","-c","echo one >log"],["sh","-c","echo two >>log"]],"command":["sh","peer.sh"],"guarantee":"none"}`)
	return dir, folder
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func find(t *testing.T, dir string) Peer {
	t.Helper()
	found, err := Find(dir)
	if err != nil || len(found) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	return found[0]
}

func TestAPeerIsRunAsItsFileSays(t *testing.T) {
	dir, folder := fake(t, `echo "$@" >>args
echo noise >&2
echo '{"peer":"fake","version":"1.2","settings":"Redis 7","work":"durable","jobs":9,"seconds":2,"rate":4.5,"p50us":10,"p99us":20}'`)
	p := find(t, dir)
	if got := p.Contenders("invoke", Settings{}); got != nil {
		t.Errorf("it does a work that it does not know: %v", got)
	}
	p.Slow = true
	contenders := p.Contenders("durable", Settings{Jobs: 90, Fewer: 9, Concurrency: 32})
	if len(contenders) != 2 || contenders[0].Name != "Fake fast" || contenders[1].Name != "Fake safe" {
		t.Fatalf("%+v", contenders)
	}
	for _, c := range contenders {
		figures, err := c.Run(t.Context())
		if err != nil || figures[result.Rate] != 4.5 || figures[result.P50] != 10e-6 || figures[result.P99] != 20e-6 {
			t.Errorf("%v, %v", figures, err)
		}
		if c.Kind != result.Peer || c.Guarantee != "none" || c.Version != "1.2" || c.Settings != "Redis 7" {
			t.Errorf("%+v", c)
		}
	}
	args, err := os.ReadFile(filepath.Join(folder, "args"))
	lines := strings.Split(strings.TrimSpace(string(args)), "\n")
	if err != nil || len(lines) != 2 {
		t.Fatalf("%s, %v", args, err)
	}
	for i, end := range []string{" --fsync no", ""} {
		before, scratch, _ := strings.Cut(strings.TrimSuffix(lines[i], end), " --dir ")
		if before != "durable --jobs 9 --concurrency 32" || !strings.HasSuffix(lines[i], end) {
			t.Errorf("it was run with %q", lines[i])
		}
		if _, err := os.Stat(scratch); !os.IsNotExist(err) {
			t.Errorf("its folder %q is left: %v", scratch, err)
		}
	}
}

func TestPeersAreInTheOrderOfTheirFolders(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b", "a", "c"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name, "peer.json"), `{"name":"`+name+`","works":["durable"],"command":["x"]}`)
	}
	found, err := Find(dir)
	if err != nil || len(found) != 3 || found[0].Name != "a" || found[1].Name != "b" || found[2].Name != "c" {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestAPeerIsInstalledOnce(t *testing.T) {
	dir, folder := fake(t, "")
	p := find(t, dir)
	if p.Installed() {
		t.Error("it is installed before it was")
	}
	if err := p.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	if log, err := os.ReadFile(filepath.Join(folder, "log")); err != nil || string(log) != "one\ntwo\n" || !p.Installed() {
		t.Errorf("%s, %v", log, err)
	}
	for output, want := range map[string]string{
		`retrying\nno such package`:                                  "exit status 1: no such package",
		`npm error code ENOTFOUND\nnpm error A complete log is in x`: "exit status 1: npm error code ENOTFOUND",
	} {
		p.Install = [][]string{{"sh", "-c", "printf '" + output + "' >&2; false"}}
		if err := p.Setup(t.Context()); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestWhatAPeerSaysIsWhyItIsLeftOut(t *testing.T) {
	for script, want := range map[string]string{
		`echo '{"peer":"fake","skip":"no redis-server"}'`: "no redis-server",
		"echo connect: refused >&2; exit 3":               "exit status 3: connect: refused",
		"echo no json":                                    "not one line of JSON",
		`echo '{"peer":"fake"}'`:                          "neither a rate",
	} {
		dir, _ := fake(t, script)
		_, err := find(t, dir).Contenders("submit", Settings{})[0].Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", script, err, want)
		}
	}
}

func TestAPeerEndsWithTheRunAndLeavesNoProcess(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	// The child ignores the signal and holds the pipe open, as a server in the background would.
	dir, _ := fake(t, `sh -c 'trap "" TERM; exec 1>&- 2>&- 9>`+fifo+`; echo up >&9; sleep 600' & wait`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ran := make(chan error, 1)
	go func() {
		_, err := find(t, dir).Contenders("submit", Settings{})[0].Run(ctx)
		ran <- err
	}()
	up, err := os.Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	said := make([]byte, 3)
	if _, err := up.Read(said); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ran; err == nil {
		t.Error("a peer that was stopped gives no error")
	}
	if err := up.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := up.Read(said); n != 0 || err == nil || os.IsTimeout(err) {
		t.Errorf("the child lives: %d, %v", n, err)
	}
}

func TestAFileThatSaysTooLittleIsRefused(t *testing.T) {
	dir, folder := fake(t, "")
	for text, want := range map[string]string{
		`{"name":"x"`: "peer.json", `{"name":"x","works":["durable"]}`: "are needed", `{"name":"x","command":["x"]}`: "are needed",
		`{"works":["durable"],"command":["x"]}`: "are needed",
	} {
		write(t, filepath.Join(folder, "peer.json"), text)
		if _, err := Find(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
