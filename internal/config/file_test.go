package config

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// readText reads a file whose environment has SET, and EMPTY, which is empty.
func readText(content string) (*File, error) {
	return Source{
		Path: "whipper.yaml", Base: *NewSupervisor(),
		Lookup: func(name string) (string, bool) {
			value, ok := map[string]string{"SET": "set", "EMPTY": ""}[name]
			return value, ok
		},
	}.read("/folder", content)
}

// mustRead reads a file that the schema accepts too.
func mustRead(t *testing.T, content string) *File {
	t.Helper()
	f, err := readText(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := againstSchema(content); err != nil {
		t.Errorf("it can be read, but: %v", err)
	}
	return f
}

func TestWhatIsWrongWithAFileIsToldWithItsPlace(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/problems.txtar")
	if err != nil || len(archive.Files)%2 != 0 {
		t.Fatalf("%d files: %v", len(archive.Files), err)
	}
	for i := 0; i < len(archive.Files); i += 2 {
		file, want := archive.Files[i], archive.Files[i+1]
		t.Run(strings.TrimSuffix(file.Name, ".yaml"), func(t *testing.T) {
			_, err := readText(string(file.Data))
			if err == nil {
				t.Fatal("it is accepted")
			}
			if diff := cmp.Diff(string(want.Data), err.Error()+"\n"); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAFileSetsWhatItsKeysSay(t *testing.T) {
	f := mustRead(t, `
dir: state
socket: /run/w.sock
durability: normal
x-anything: [goes, here]
defaults:
  max-workers: 4
  invocation-timeout: 1m30s
  env: {A: from defaults, B: 2}
pools:
  images:
    script: images.py
    args: [--fast, 1.10, true]
    max-message-size: 100MiB
    inactivity-timeout: 2d
    env: {A: own, C: "${SET} $$5 ${NOPE:-none} ${EMPTY:-empty}"}
  mail:
    command: [bin/mail, --verbose]
    max-workers: 8
    cwd: sub
  2:
    command: [node, worker.mjs]
    interpreter: /usr/bin/node
`)
	if s := f.Supervisor; s.Dir != "/folder/state" || s.Socket != "/run/w.sock" || s.Durability != "normal" || s.LogFormat != "text" {
		t.Errorf("supervisor %+v", s)
	}
	if len(f.Pools) != 3 || f.Pools[0].Pool != "images" || f.Pools[1].Pool != "mail" || f.Pools[2].Pool != "2" {
		t.Fatalf("%d pools", len(f.Pools))
	}
	images, mail, node := f.Pools[0], f.Pools[1], f.Pools[2]
	if images.Script != "/folder/images.py" || images.Dir != "/folder" || images.MaxWorkers != 4 || images.MinWorkers != 1 ||
		images.InvocationTimeout != 90*time.Second || images.InactivityTimeout != 48*time.Hour || images.MaxMessageSize != 100<<20 {
		t.Errorf("images %+v", images)
	}
	if diff := cmp.Diff([]string{"--fast", "1.10", "true"}, images.Args); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"B=2", "A=own", "C=set $5 none empty"}, images.Assignments); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/folder/bin/mail", "--verbose"}, mail.Command); diff != "" || mail.MaxWorkers != 8 || mail.Dir != "/folder/sub" {
		t.Errorf("mail: %d workers in %s %s", mail.MaxWorkers, mail.Dir, diff)
	}
	if diff := cmp.Diff([]string{"A=from defaults", "B=2"}, mail.Assignments); diff != "" {
		t.Error(diff)
	}
	if node.Command[0] != "node" {
		t.Errorf("a program of PATH became %s", node.Command[0])
	}
}

func TestAPoolMaySwitchOffWhatTheDefaultsSwitchOn(t *testing.T) {
	f := mustRead(t, "defaults: {inactivity-timeout: 5m}\npools: {a: {script: a.py, inactivity-timeout: 0}}")
	if d := f.Pools[0].InactivityTimeout; d != 0 {
		t.Errorf("inactivity-timeout is %v", d)
	}
}

func TestAnchorsAliasesAndMergesMeanWhatTheyDoInYAML(t *testing.T) {
	f := mustRead(t, `
x-base: &base {max-workers: 2, min-workers: 2}
x-more: &more {max-workers: 9, max-queue-size: 7}
pools:
  one: &one
    <<: [*base, *more]
    script: &script one.py
    min-workers: 1
  two:
    <<: *one
    script: *script
    max-queue-size: 8
  three: *one
`)
	for i, want := range [][3]int{{1, 2, 7}, {1, 2, 8}, {1, 2, 7}} {
		p := f.Pools[i]
		if got := [3]int{p.MinWorkers, p.MaxWorkers, p.MaxQueueSize}; got != want || p.Script != "/folder/one.py" {
			t.Errorf("pool %s has %v and %s, want %v", p.Pool, got, p.Script, want)
		}
	}
}

func TestWhatTheCommandLineGaveHoldsWhateverTheFileSays(t *testing.T) {
	s := Source{Path: "whipper.yaml", Base: *NewSupervisor(), Fixed: map[string]bool{"durability": true}}
	s.Base.Durability = "normal"
	f, err := s.read("/folder", "durability: full\nlog-level: warn\npools: {a: {script: a.py}}")
	if err != nil || f.Supervisor.Durability != "normal" || f.Supervisor.LogLevel != "warn" {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := s.read("/folder", "durability: half\npools: {a: {script: a.py}}"); err == nil {
		t.Error("a wrong value that does not count is accepted")
	}
}

func TestAByteOrderMarkAndWindowsLineEndsAreNoObstacle(t *testing.T) {
	f := mustRead(t, "\ufeffpools:\r\n  a:\r\n    script: a.py\r\n    env:\r\n      A: x\r\n")
	if f.Pools[0].Script != "/folder/a.py" || f.Pools[0].Assignments[0] != "A=x" {
		t.Errorf("%+v", f.Pools[0])
	}
}

func TestAFileThatIsNotUTF8SaysWhere(t *testing.T) {
	_, err := readText("pools:\n  ä: \xff\n")
	var f *FileError
	if !errors.As(err, &f) || f.Problems[0].Line != 2 || f.Problems[0].Column != 6 {
		t.Errorf("%v", err)
	}
}

// Each of these is small and would take the memory or the afternoon of whoever followed it.
func TestNoFileTakesMoreThanItsShare(t *testing.T) {
	bomb := "x-0: &a0 [x]\n"
	for i := range 9 {
		name, next := string(rune('0'+i)), string(rune('1'+i))
		bomb += "x-" + next + ": &a" + next + " [" + strings.TrimSuffix(strings.Repeat("*a"+name+", ", 9), ", ") + "]\n"
	}
	merges := "x-0: &a0 {k: v}\n"
	for i := range 9 {
		name, next := string(rune('0'+i)), string(rune('1'+i))
		merges += "x-" + next + ": &a" + next + " {<<: [" + strings.TrimSuffix(strings.Repeat("*a"+name+", ", 9), ", ") + "]}\n"
	}
	keys := "x-0: &wide\n" + numbered(2000, "  k%: v\n") + "pools:\n" + numbered(2000, "  p%: *wide\n")
	for name, content := range map[string]string{
		"aliases of aliases":         bomb + "pools: {a: {script: a.py, args: *a9}}",
		"merges of merges":           merges + "pools: {a: {script: a.py, <<: *a9}}",
		"a wide map that many share": keys,
		"brackets":                   "pools: " + strings.Repeat("[", 900_000),
		"dashes":                     strings.Repeat("- ", 400_000),
		"keys":                       numbered(60_000, "k%: v\n"),
		"one long line":              "pools: " + strings.Repeat("x", 1_000_000),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			_, err := readText(content)
			if err == nil {
				t.Error("it is accepted")
			} else if len(err.Error()) > 20_000 {
				t.Errorf("it takes %d bytes to say what is wrong", len(err.Error()))
			}
			runtime.ReadMemStats(&after)
			if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 1500 {
				t.Errorf("%d MiB were allocated", used)
			}
			t.Logf("%v, %d MiB", time.Since(began), (after.TotalAlloc-before.TotalAlloc)>>20)
		})
	}
}

func numbered(n int, line string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Replace(line, "%", string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/26/26%26))+string(rune('a'+i/26/26/26)), 1))
	}
	return b.String()
}

func TestAFileThatIsTooLargeIsNotReadToItsEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "whipper.yaml")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(file.Truncate(1<<40), file.Close()); err != nil {
		t.Skip(err)
	}
	if _, err := Load(Source{Path: path}); err == nil || err.Error() != path+": the file is larger than 1 MiB" {
		t.Error(err)
	}
}

func TestPathsOfAFileGoFromItsFolder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "whipper.yaml")
	if err := os.WriteFile(path, []byte(`pools:
  a: {script: lib/a.py, worker-log: a.log, listen: ["unix:a.sock", "x=unix://b.sock", "unix:/run/c.sock", "tcp://:80"]}
  b: {script: lib/b.py, worker-log: none}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Load(Source{Path: path, Base: *NewSupervisor()})
	if err != nil || f.Pools[0].Script != filepath.Join(dir, "lib", "a.py") || f.Supervisor.Dir != filepath.Join(dir, ".whipper") {
		t.Fatalf("%+v %v", f, err)
	}
	a, b := f.Pools[0], f.Pools[1]
	if a.WorkerLog != filepath.Join(dir, "a.log") || b.WorkerLog != "none" || NewPool().WorkerLog != "stderr" {
		t.Errorf("worker logs %s, %s", a.WorkerLog, b.WorkerLog)
	}
	listen := []string{"unix:" + dir + "/a.sock", "x=unix:" + dir + "/b.sock", "unix:/run/c.sock", "tcp://:80"}
	if d := cmp.Diff(listen, a.Listen); d != "" {
		t.Error(d)
	}
}
