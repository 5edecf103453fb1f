package result

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"
)

// Machine is what the bench ran on.
type Machine struct {
	Processor  string `json:"processor"`
	Cores      int    `json:"cores"`
	Kernel     string `json:"kernel"`
	Memory     uint64 `json:"memory"`     // bytes
	Filesystem string `json:"filesystem"` // of the folder that the ledgers are in
}

// String is the machine on one line.
func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s of memory, %s, %s", m.Processor, m.Cores, humanize.IBytes(m.Memory), m.Kernel, m.Filesystem)
}

// ThisMachine looks at the machine. What it does not tell is left empty, as much of it is where there is no /proc.
func ThisMachine(dir string) Machine {
	m := Machine{Cores: runtime.NumCPU(), Kernel: runtime.GOOS}
	m.Processor = field("/proc/cpuinfo", "model name")
	kib, _ := strconv.ParseUint(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"), 10, 64)
	m.Memory = kib << 10
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
	}
	m.Filesystem = filesystem("/proc/self/mounts", dir)
	return m
}

// field is the first value of a name in a file of "name : value" lines.
func field(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), ":")
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// filesystem is the type of the mount that a folder is in, which is the longest that leads to it.
func filesystem(mounts, dir string) string {
	text, _ := os.ReadFile(mounts)
	longest, kind := -1, ""
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			continue
		}
		at := strings.TrimSuffix(fields[1], "/")
		if strings.HasPrefix(dir+"/", at+"/") && len(at) >= longest {
			longest, kind = len(at), fields[2]
		}
	}
	return kind
}

// ProgramVersions asks programs that the bench runs what they are.
func ProgramVersions(ctx context.Context) map[string]string {
	versions := map[string]string{"Go": strings.TrimPrefix(runtime.Version(), "go")}
	for program, command := range map[string][]string{
		"Node": {"node", "--version"}, "Python": {"python3", "--version"}, "Redis": {"redis-server", "--version"},
	} {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).Output(); err == nil {
			versions[program] = strings.TrimPrefix(strings.TrimSpace(string(out)), program+" ")
		}
	}
	return versions
}

// Source is what git says that the repository is at.
func Source(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--tags", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
