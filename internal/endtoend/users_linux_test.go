package endtoend

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// stranger is a user that nobody else here is.
const stranger = 65534

// asStranger runs a whipper command as another user, who is in no group of this one's.
func asStranger(t *testing.T, program string, args ...string) output {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=" + os.Getenv("PATH"), "HOME=/"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
	var out, err strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &err
	if e := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(e)
	}
	return output{out.String(), err.String(), cmd.ProcessState.ExitCode()}
}

// openFolder is a folder that other users can enter.
func openFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	check(t, errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755)))
	return dir
}

func TestAnotherUserReachesNothingOfASupervisorWhateverTheUmask(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user too")
	}
	t.Parallel()
	public := openFolder(t)
	program := filepath.Join(public, "whipper")
	text, err := os.ReadFile(binary)
	check(t, err)
	check(t, os.WriteFile(program, text, 0o755))
	for _, umask := range []string{"000", "022", "077"} {
		t.Run(umask, func(t *testing.T) {
			folder := filepath.Join(public, umask)
			check(t, errors.Join(os.Mkdir(folder, 0o755), os.Chmod(folder, 0o755)))
			dir, log := filepath.Join(folder, "state"), filepath.Join(folder, "worker.log")
			s := prepare(t, dir, "--worker-log", log, "--max-workers", "1", "testdata/worker.py")
			s.cmd.Args = append([]string{"sh", "-c", "umask " + umask + `; exec "$0" "$@"`, binary}, s.cmd.Args[1:]...)
			s.cmd.Path = "/bin/sh"
			s.begin()
			s.says(1, "pool default is ready")
			c := s.client()
			for range 3 {
				_, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "add", Params: []byte("[1,2]")})
				check(t, err)
			}
			must(t, dir, "wait", "1", "2", "3")
			for _, file := range []string{"backup.db", "jobs.ndjson"} {
				command := map[string]string{"backup.db": "backup", "jobs.ndjson": "export"}[file]
				cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", "umask "+umask+`; exec "$0" ledger "$@"`, binary, command, "--dir", dir, filepath.Join(folder, file))
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatal(err, string(out))
				}
			}
			closed := 0
			check(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
				if err != nil || path == folder {
					return err
				}
				info, err := d.Info()
				check(t, err)
				if info.Mode().Perm()&0o077 != 0 && !strings.Contains(path, "__pycache__") {
					t.Errorf("%s has mode %v", path, info.Mode())
				}
				closed++
				return nil
			}))
			if closed < 10 { // ledger, lock, socket, runner, log, …
				t.Errorf("only %d files were looked at", closed)
			}
			for _, args := range [][]string{
				{"call", "--dir", dir, "add", "1", "2"}, {"call", "--socket", filepath.Join(dir, "whipper.sock"), "add", "1", "2"},
				{"ledger", "--dir", dir}, {"ledger", "backup", "--dir", dir, "/tmp/stolen.db"}, {"ledger", "prune", "--dir", dir, "--all", "--yes"}, {"pool", "pause", "--dir", dir},
				{"exec", "--dir", dir, "--", "cat"},
			} {
				out := asStranger(t, program, args...)
				if out.code == 0 || !strings.Contains(out.stderr, "permission denied") && !strings.Contains(out.stderr, "belongs to user") {
					t.Errorf("whipper %q as another user: exit code %d, %s%s", args, out.code, out.stdout, out.stderr)
				}
			}
			stop(t, s)
		})
	}
}

func TestAFolderOrSocketOfAnotherUserIsRefusedByName(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user too")
	}
	t.Parallel()
	public := openFolder(t)
	theirs, precious := filepath.Join(public, ".whipper"), filepath.Join(public, "precious")
	check(t, errors.Join(os.Mkdir(theirs, 0o755), os.WriteFile(precious, []byte("kept"), 0o600)))
	for _, name := range []string{"lock", "ledger.db", "ledger.db-wal", "socket", "runner", "whipper.sock"} {
		check(t, os.Symlink(precious, filepath.Join(theirs, name)))
	}
	check(t, os.Lchown(theirs, stranger, stranger))
	for _, args := range [][]string{
		{"exec", "--dir", theirs, "testdata/worker.py"}, {"ledger", "import", "--dir", theirs, "/dev/null"},
	} {
		out := cli(t, theirs, args...)
		if out.code == 0 || !strings.Contains(out.stderr, `folder "`+theirs+`": it belongs to user 65534, not to this one`) {
			t.Errorf("whipper %q: exit code %d, %s", args, out.code, out.stderr)
		}
	}
	info, err := os.Stat(precious)
	if text, e := os.ReadFile(precious); err != nil || e != nil || string(text) != "kept" || info.Mode() != 0o600 {
		t.Errorf("what the links lead to has %q, %v %v %v", text, info, err, e)
	}
}
