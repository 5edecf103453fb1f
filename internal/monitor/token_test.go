package monitor

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func parseIP(t *testing.T, s string) netip.Addr {
	t.Helper()
	ip, err := netip.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return ip
}

func TestATokenIsReadFromAFileThatIsItsOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	token, err := ReadToken(path)
	if err != nil || !token.shownIn("Bearer "+secret) || token.shownIn("Bearer x") {
		t.Error(err)
	}
	for _, mode := range []os.FileMode{0o604, 0o602, 0o620, 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("%s: its mode %04o lets other users at it: chmod 0600 it", path, mode)
		if _, err := ReadToken(path); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestAGroupMayReadATokenOnlyIfItIsRoots(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	for _, test := range []struct {
		owner uint32
		user  int
		fine  bool
	}{{0, 0, true}, {0, 1000, true}, {1000, 1000, false}, {1000, 1001, false}, {1000, 0, false}} {
		stat.Uid = test.owner
		if fault := exposed(info, test.user); (fault == "") != test.fine {
			t.Errorf("of user %d, read by %d: %q", test.owner, test.user, fault)
		}
	}
}

func TestWhatIsNoFileHasNoToken(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, t.TempDir()} {
		if _, err := ReadToken(path); err == nil || err.Error() != path+": it is no regular file" {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestATokenThatCanBeGuessedOrNotBeSentIsRefusedAndNeverTold(t *testing.T) {
	for text, want := range map[string]string{
		"": "the token is empty", " \n": "the token is empty",
		"short":                      "the token has 5 characters, and must have 16 to 1024",
		strings.Repeat("long", 300):  "the token has 1200 characters, and must have 16 to 1024",
		"with a blank in between":    "the token must consist of letters, digits and . _ ~ + / - alone, with = only at its end",
		"two lines \n 0123456789abc": "the token must consist of letters, digits and . _ ~ + / - alone, with = only at its end",
	} {
		if _, err := ParseToken(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if text := fmt.Sprintf("%+v", parse(t, secret)); strings.Contains(text, secret) {
		t.Error(text)
	}
}
