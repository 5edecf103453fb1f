package supervisor

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what the process trees of some workers use, by the workers' process ids. A tree is a process, its descendants,
// also those in groups and sessions of their own, and whoever else is in its group. A process that has gone has no entry.
//
// It reads /proc once for all trees, three system calls a process, and not smaps_rollup, which has the kernel walk the page
// tables of a worker that is at work. The price: pages that a worker shares with children it forked count once for each.
// Where that may matter, look with sharedOnce before acting on it.
func usage(roots []int) map[int]treeUsage {
	if len(roots) == 0 {
		return nil
	}
	isRoot := make(map[int]bool, len(roots))
	for _, pid := range roots {
		isRoot[pid] = true
	}
	all := processes()
	trees := make(map[int]treeUsage, len(roots))
	page := int64(os.Getpagesize())
	for pid, s := range all {
		root := rootOf(pid, all, isRoot)
		if root == 0 {
			continue
		}
		tree := trees[root]
		tree.processes++
		tree.rss += s.rss * page
		tree.cpu += time.Duration(s.cpu) * tick
		trees[root] = tree
	}
	for pid := range trees {
		if all[pid].state == "" {
			delete(trees, pid) // its group may have outlived it
		}
	}
	return trees
}

// tick is the clock tick of /proc. The kernel has had it at 100 a second for programs on every architecture that Go runs on.
const tick = time.Second / 100

// rootOf says whose tree a process is in: that of its nearest ancestor that is a root, itself included, else that of its
// group; 0: none.
func rootOf(pid int, all map[int]stat, isRoot map[int]bool) int {
	if root := ancestor(pid, all, isRoot); root != 0 {
		return root
	}
	if group := all[pid].group; isRoot[group] {
		return group
	}
	return 0
}

// ancestor gives the nearest ancestor that is a root, the process itself included; 0: none.
func ancestor(pid int, all map[int]stat, isRoot map[int]bool) int {
	for range len(all) {
		if isRoot[pid] {
			return pid
		}
		s, known := all[pid]
		if !known || pid <= 1 {
			return 0
		}
		// Reading them all takes time. What was started after its child is another process that got the parent's number.
		if p, seen := all[s.parent]; seen && p.ticks > s.ticks {
			return 0
		}
		pid = s.parent
	}
	return 0 // a ring: two got each other's parent's number
}

// sharedOnce is the memory of a worker's process tree in bytes, with each page divided among those who have it in use: what
// usage counts several times after a fork it counts once. It costs a millisecond or more for a process of a gigabyte. False
// means that the kernel would not tell for the process itself.
func sharedOnce(root int) (int64, bool) {
	isRoot := map[int]bool{root: true}
	all := processes()
	var sum int64
	known := false
	for pid := range all {
		if rootOf(pid, all, isRoot) != root {
			continue
		}
		text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "smaps_rollup"))
		if err != nil {
			continue // it has ended, or is another user's
		}
		_, rest, found := bytes.Cut(text, []byte("\nPss:"))
		number, _, _ := bytes.Cut(bytes.TrimLeft(rest, " \t"), []byte(" kB"))
		kib, err := strconv.ParseInt(string(number), 10, 64)
		if !found || err != nil {
			continue
		}
		sum += kib << 10
		known = known || pid == root
	}
	return sum, known
}

// processes gives every process that /proc shows, by its id.
func processes() map[int]stat {
	all := make(map[int]stat, 512)
	proc, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return all // no /proc: nothing can be told
	}
	defer func() { _ = unix.Close(proc) }() // it was only read
	entries := make([]byte, 32<<10)
	text := make([]byte, 4096) // a line has 52 numbers at most
	for {
		n, err := unix.ReadDirent(proc, entries)
		if err != nil || n <= 0 {
			return all
		}
		for rest := entries[:n]; len(rest) >= dirent; {
			length := binary.NativeEndian.Uint16(rest[direntLength:])
			name, _, _ := bytes.Cut(rest[dirent:length], []byte{0})
			rest = rest[length:]
			if name[0] < '1' || name[0] > '9' {
				continue
			}
			fd, err := unix.Openat(proc, string(name)+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				continue // it has ended
			}
			n, err := unix.Read(fd, text)
			_ = unix.Close(fd)
			if s := parseStat(text[:max(n, 0)]); err == nil && s.state != "" {
				all[int(number(name))] = s
			}
		}
	}
}

// Where the kernel's directory entries hold their length and their name.
const (
	direntLength = 16
	dirent       = 19
)
