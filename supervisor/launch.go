package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// launcherName is argv[0] of a process that is only a launcher. Nobody types that.
const launcherName = "(whipper starts a worker)"

// launchAtMost bounds how long the launcher may take to become the worker's program.
const launchAtMost = 30 * time.Second

// launchOrder is what a launcher is to do, in its argv[1]; the program's path and argv follow. The environment is the program's,
// and not in argv, where all users could read it.
type launchOrder struct {
	Parent  int      `json:"parent"` // pid of the supervisor
	Status  int      `json:"status"` // descriptor of the pipe that tells why it came to nothing; closed by a success
	Dir     string   `json:"dir,omitempty"`
	Account *Account `json:"account,omitempty"`
	NoFile  uint64   `json:"noFile,omitempty"`
	AS      uint64   `json:"as,omitempty"`
	Nice    int      `json:"nice,omitempty"`
	Sockets int      `json:"sockets,omitempty"` // descriptors from 3 on that LISTEN_PID is to be set for
}

// launchFailure is what the launcher says when it comes to nothing.
type launchFailure struct {
	Doing string        `json:"doing"` // what; "" for the exec itself
	Errno syscall.Errno `json:"errno"`
	Text  string        `json:"text"` // if it was no system call
}

// Launch must be called first thing in main, in programs that run pools with ProcessOptions or Listen. Where this process was
// started to become a worker it sets what os.StartProcess cannot, limits for instance, and executes the worker's program in its
// place: the process keeps its id, its group and its end with the supervisor. In any other process it does nothing.
func Launch() {
	if len(os.Args) < 4 || os.Args[0] != launcherName {
		return
	}
	var order launchOrder
	if json.Unmarshal([]byte(os.Args[1]), &order) != nil || !isPipe(order.Status) {
		fmt.Fprintln(os.Stderr, "whipper: this process was not started by a supervisor")
		os.Exit(2)
	}
	runtime.LockOSThread() // nice and the parent-death signal belong to the thread that executes the program
	syscall.CloseOnExec(order.Status)
	failure := order.carryOut(os.Args[2], os.Args[3:])
	text, _ := json.Marshal(failure)
	_, _ = syscall.Write(order.Status, text) // if nobody reads it, nobody is there any more
	os.Exit(126)
}

// carryOut returns only if it fails. What needs privileges comes first; what a change of user would undo, after it.
func (o *launchOrder) carryOut(path string, argv []string) launchFailure {
	env := os.Environ()
	if o.Sockets > 0 {
		env = Environ(env, envListenPID+"="+strconv.Itoa(os.Getpid()))
	}
	if o.Nice != 0 {
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, o.Nice); err != nil {
			return fault(fmt.Sprintf("set --nice %d, for which a supervisor needs a privilege unless its own is less", o.Nice), err)
		}
	}
	if o.NoFile != 0 {
		// The syscall package's: it remembers the limit that this program was started with, to restore it at the exec.
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: o.NoFile, Max: o.NoFile}); err != nil {
			return fault(beyond(fmt.Sprintf("set --limit-nofile %d", o.NoFile), syscall.RLIMIT_NOFILE), err)
		}
	}
	limitAS := fmt.Sprintf("set --limit-as %d", o.AS)
	if o.AS != 0 {
		if err := raise(unix.RLIMIT_AS, o.AS); err != nil {
			return fault(beyond(limitAS, unix.RLIMIT_AS), err)
		}
	}
	if o.Account != nil {
		doing := fmt.Sprintf("set --user to %d:%d", o.Account.UID, o.Account.GID)
		if err := CloseOnExec(3 + o.Sockets); err != nil {
			return fault(doing, err)
		}
		if err := o.Account.become(); err != nil {
			return fault(doing, err)
		}
	}
	if err := dieWithParent(); err != nil {
		return fault("ask for the end with the supervisor", err)
	}
	if os.Getppid() != o.Parent {
		os.Exit(1) // it has died meanwhile
	}
	if o.Dir != "" {
		if err := os.Chdir(o.Dir); err != nil {
			return fault(settingDir(o.Dir), err)
		}
	}
	if o.AS != 0 { // last: this program itself may need more
		if err := syscall.Setrlimit(unix.RLIMIT_AS, &syscall.Rlimit{Cur: o.AS, Max: o.AS}); err != nil {
			return fault(limitAS, err)
		}
	}
	return fault("", syscall.Exec(path, argv, env))
}

// beyond adds the limit that only a privileged process may exceed.
func beyond(doing string, resource int) string {
	var limit unix.Rlimit
	if unix.Getrlimit(resource, &limit) != nil {
		return doing
	}
	return fmt.Sprintf("%s, where the supervisor's own hard limit is %d", doing, limit.Max)
}

// become changes the user of the whole process.
func (a *Account) become() error {
	groups := make([]int, len(a.Groups))
	for i, g := range a.Groups {
		groups[i] = int(g)
	}
	if err := syscall.Setgroups(groups); err != nil {
		return err
	}
	if err := syscall.Setgid(int(a.GID)); err != nil {
		return err
	}
	return syscall.Setuid(int(a.UID))
}

func fault(doing string, err error) launchFailure {
	f := launchFailure{Doing: doing, Text: err.Error()}
	if errors.As(err, &f.Errno) {
		f.Text = ""
	}
	return f
}

// Err is the failure as the supervisor reports it.
func (f launchFailure) Err() error {
	err := error(f.Errno)
	if f.Text != "" {
		err = errors.New(f.Text)
	}
	if f.Doing == "" {
		return err
	}
	return &RefusedError{Doing: f.Doing, Err: err}
}

// launch is f.start by way of a launcher: attr is what the program is to be started with.
func (f *forker) launch(order launchOrder, path string, argv []string, attr *os.ProcAttr) (*os.Process, error) {
	status, childStatus, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = status.Close() }() // it is only read from
	order.Parent, order.Status, order.Dir = os.Getpid(), len(attr.Files), attr.Dir
	text, err := json.Marshal(order)
	if err != nil {
		_ = childStatus.Close() // nothing was written
		return nil, err
	}
	self, err := selfPath()
	if err != nil {
		_ = childStatus.Close() // nothing was written
		return nil, fmt.Errorf("find this program: %w", err)
	}
	launcher := *attr
	launcher.Dir, launcher.Files = "", append(attr.Files[:len(attr.Files):len(attr.Files)], childStatus)
	p, err := f.start(self, append([]string{launcherName, string(text), path}, argv...), &launcher)
	_ = childStatus.Close() // the launcher has its own
	if err != nil {
		return nil, fmt.Errorf("start the launcher %s: %w", self, reason(err))
	}
	if err := awaitLaunch(status); err != nil {
		_ = p.Kill()    // it may be on its way out
		_, _ = p.Wait() // how it ended is known
		return nil, err
	}
	return p, nil
}

// awaitLaunch reads what the launcher says, which is nothing if all went well.
func awaitLaunch(status *os.File) error {
	_ = status.SetReadDeadline(time.Now().Add(launchAtMost)) // a pipe has deadlines
	said, err := io.ReadAll(io.LimitReader(status, 64<<10))
	switch {
	case err != nil:
		return fmt.Errorf("the launcher did not start it within %s", launchAtMost)
	case len(said) == 0:
		return nil
	}
	var failure launchFailure
	if err := json.Unmarshal(said, &failure); err != nil {
		return fmt.Errorf("the launcher said %q", said)
	}
	return failure.Err()
}

func isPipe(fd int) bool {
	var stat unix.Stat_t
	return unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFIFO
}
