package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/internal/ownership"
	"github.com/whipper-sidecar/whipper/ledger"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
	"github.com/whipper-sidecar/whipper/server"
)

// runtimeFindings looks for the interpreters of the built-in runners, as exec would for a script in the working folder.
// One that is missing only matters to those who need it.
func runtimeFindings(ctx context.Context) []finding {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	var findings []finding
	for _, l := range languages {
		f := finding{Check: l.name, Verdict: fine}
		path, version, err := l.check(ctx, "", filepath.Join(cwd(), "script"+l.extensions[0]), nil)
		if err != nil {
			f.Verdict, f.Found, f.Fix = warning, err.Error(), l.install
		} else {
			f.Found = version + " at " + path
		}
		findings = append(findings, f)
	}
	return findings
}

// folderFindings looks at the state folder and what is in it, and at the socket's path: socket, if it is not "".
func folderFindings(ctx context.Context, dir, socket string) []finding {
	findings := []finding{folderFinding(dir)}
	if findings[0].Verdict == failing {
		return findings
	}
	return append(findings, spaceFinding(dir), ledgerFinding(ctx, dir), addressFinding(dir, socket))
}

func folderFinding(dir string) finding {
	f := finding{Check: "state folder", Verdict: fine, Found: dir}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		f.Verdict, f.Found, f.Fix = failing, err.Error(), "whipper exec --dir "+dir+" tasks.py makes it"
	case !info.IsDir():
		f.Verdict, f.Found, f.Fix = failing, dir+" is not a folder", "choose another --dir"
	case errors.As(ownership.Own(dir), new(*ownership.Error)):
		f.Verdict, f.Found, f.Fix = failing, ownership.Own(dir).Error(), "choose another --dir, or do as it says"
	case unix.Access(dir, unix.W_OK|unix.X_OK) != nil:
		f.Verdict, f.Found, f.Fix = failing, dir+" cannot be written to by this user", "choose another --dir, or change its owner"
	case info.Mode().Perm()&0o077 != 0:
		f.Verdict, f.Found = warning, fmt.Sprintf("%s is open to others (mode %#o)", dir, info.Mode().Perm())
		f.Fix = "chmod 700 " + dir
	}
	return f
}

// Free space below which a check warns or fails.
const (
	littleSpace = 1 << 30
	noSpace     = 64 << 20
)

func spaceFinding(dir string) finding {
	f := finding{Check: "disk space", Verdict: fine}
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		f.Verdict, f.Found = warning, err.Error()
		return f
	}
	free := s.Bavail * uint64(s.Bsize)
	f.Found = humanize.IBytes(free) + " free"
	if free < noSpace {
		f.Verdict, f.Fix = failing, "free some: a ledger that cannot grow takes no more jobs"
	} else if free < littleSpace {
		f.Verdict, f.Fix = warning, "free some before the ledger cannot grow any more"
	}
	return f
}

func ledgerFinding(ctx context.Context, dir string) (f finding) {
	f = finding{Check: "ledger", Verdict: fine}
	r, err := ledger.OpenReader(ctx, dir)
	if errors.Is(err, ledger.ErrNoLedger) {
		return finding{"ledger", warning, "there is none in " + dir, "whipper exec --dir " + dir + " tasks.py makes one"}
	}
	if err != nil {
		return finding{"ledger", failing, err.Error(), ""} // its text says what to do
	}
	defer func() {
		if err := r.Close(); err != nil && f.Verdict == fine {
			f = finding{"ledger", failing, err.Error(), ""}
		}
	}()
	if err := r.Check(ctx); err != nil {
		return finding{"ledger", failing, err.Error(), ""} // its text says what to do
	}
	counts, err := r.Counts(ctx, "")
	if err != nil {
		return finding{"ledger", failing, err.Error(), ""}
	}
	total := 0
	for _, n := range counts {
		total += int(n)
	}
	f.Found = plural(total, "job")
	return f
}

func addressFinding(dir, socket string) finding {
	path, err := server.Address(dir, socket)
	if err != nil {
		return finding{"socket path", failing, err.Error(), "leave --socket out: a short path is found where one is needed"}
	}
	f := finding{Check: "socket path", Verdict: fine, Found: fmt.Sprintf("%s (%d of at most %d bytes)", path, len(path), server.MaxAddress)}
	if abs, err := filepath.Abs(dir); err == nil && socket == "" && filepath.Dir(path) != abs {
		f.Found += ", since it would be too long in " + dir
	}
	return f
}

// supervisorFinding asks the supervisor who it is.
func (c *console) supervisorFinding(ctx context.Context, cc *cli.Context) finding {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	client, err := whipper.Dial(ctx, c.place(cc))
	if none := (*whipper.NoSupervisorError)(nil); errors.As(err, &none) {
		return finding{"supervisor", warning, err.Error(), explainClient(err).Hint}
	}
	if err != nil {
		return finding{"supervisor", failing, err.Error(), "check --dir and --socket, and whose they are"}
	}
	defer client.Close() // the answer is in
	pong, err := client.Ping(ctx)
	if err != nil {
		return finding{"supervisor", failing, fmt.Sprintf("it listens but does not answer: %v", err), "stop it and start it again"}
	}
	up := brief(time.Duration(pong.UptimeMs) * time.Millisecond)
	f := finding{Check: "supervisor", Verdict: fine, Found: fmt.Sprintf("version %s, pid %d, up %s", pong.Version, pong.PID, up)}
	if pong.Version != version {
		f.Verdict, f.Fix = warning, "this program is version "+version+": restart the supervisor with it"
	}
	return f
}

func cwd() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	return dir
}
