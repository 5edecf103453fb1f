package ledger

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// disk stands between SQLite and its files. It counts the calls that change those of one folder, makes the calls fail that it is told
// to, and knows two states of each file: what a process reads (cached), and what would be left if power failed now. As with a real
// kernel, what a failed sync was to write counts as clean from then on: no later sync writes it.
//
// It is SQLite's default VFS while a test uses it, so the ledger opens its files through it without knowing. Every call goes on to
// the system's VFS, but for syncs, which need no real disk here.
type disk struct {
	root string // with a slash at its end
	rand *rand.Rand

	mu     sync.Mutex
	fault  fault
	only   string   // the calls that are counted; "": all
	left   int      // such calls until one fails; 0: none is to
	stuck  bool     // all calls that change something fail from then on, until heal
	struck bool     // one has failed
	log    []string // of calls
	failed string   // the call that failed first since the last heal
	home   string   // where the ledger is now
	open   map[uintptr]string
	files  map[string]*diskFile
	ghosts map[string][]byte // removed, but the folder on disk may still have them
}

// fault is what happens to a call that fails.
type fault string

const (
	diskFull fault = "the disk is full"    // half of a write gets through
	ioError  fault = "the disk is failing" // none does
)

type diskFile struct {
	cached, durable []byte
	pending         []patch // what the next sync writes
}

// patch is a write, or, with data nil, a truncation to off bytes.
type patch struct {
	off  int64
	data []byte
}

func (e patch) apply(b []byte) []byte {
	end := e.off + int64(len(e.data))
	if e.data == nil {
		b = b[:min(int64(len(b)), end)]
	}
	if grow := end - int64(len(b)); grow > 0 {
		b = append(b, make([]byte, grow)...)
	}
	copy(b[e.off:], e.data)
	return b
}

// theDisk is the one in use. SQLite's callbacks are plain functions.
var (
	theDisk atomic.Pointer[disk]
	methods = map[uintptr]uintptr{} // of the system's VFS, by those that stand before them
	system  *sqlite3.Tsqlite3_vfs
)

// useDisk has SQLite use a disk for all files below root, until the test ends.
func useDisk(t *testing.T, root string, seed uint64) *disk {
	t.Helper()
	tls := libc.NewTLS()
	defer tls.Close()
	base := sqlite3.Xsqlite3_vfs_find(tls, 0)
	system = pointee[sqlite3.Tsqlite3_vfs](base)
	shim := libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(*system)))
	vfs := pointee[sqlite3.Tsqlite3_vfs](shim)
	*vfs = *system
	vfs.FpNext = 0
	vfs.FzName, _ = libc.CString("disk of a test")
	vfs.FpAppData = base
	vfs.FxOpen = function(diskOpen)
	vfs.FxDelete = function(diskDelete)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, shim, 1); rc != 0 {
		t.Fatalf("register VFS: %d", rc)
	}
	d := &disk{root: root + "/", home: root, rand: rand.New(rand.NewPCG(seed, 0)), open: map[uintptr]string{}, files: map[string]*diskFile{}, ghosts: map[string][]byte{}}
	theDisk.Store(d)
	past := rewrite
	rewrite = func(path string) error { return errors.Join(past(path), d.rewritten(path)) }
	t.Cleanup(func() {
		rewrite = past
		tls := libc.NewTLS()
		defer tls.Close()
		sqlite3.Xsqlite3_vfs_unregister(tls, shim)
	})
	return d
}

// failAt makes the n-th call from now fail that changes a file, and if stuck all others after it.
func (d *disk) failAt(n int, f fault, stuck bool) { d.failAtCall("", n, f, stuck) }

// failAtCall is failAt that counts only calls of one kind, as the log has them: how many others come before differs from run to run, for what
// waits for the writer at the same time is written together.
func (d *disk) failAtCall(only string, n int, f fault, stuck bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.only, d.left, d.fault, d.stuck, d.struck, d.failed = only, n, f, stuck, false, ""
}

// mend ends the faults.
func (d *disk) mend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left, d.struck = 0, false
}

// heal ends the faults if there was one, and says which call failed first.
func (d *disk) heal() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	failed := d.failed
	if failed != "" {
		d.left, d.struck = 0, false
	}
	d.failed = ""
	return failed
}

// hit says which call has failed since the last heal.
func (d *disk) hit() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// leave writes the files as they would be found after the process, or with power the machine, has died now. Of what was not synced, power
// loss takes some.
func (d *disk) leave(t *testing.T, power bool) (dir string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	dir = t.TempDir()
	for path, content := range d.ghosts {
		if power && filepath.Dir(path) == d.home && d.rand.IntN(2) == 0 {
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), content, filePerm); err != nil {
				t.Fatal(err)
			}
		}
	}
	for path, f := range d.files {
		if filepath.Dir(path) != d.home || !strings.HasPrefix(filepath.Base(path), fileName) {
			continue // a backup, whose syncs do not come by here
		}
		content := f.cached
		if power {
			content = append([]byte(nil), f.durable...)
			for _, e := range f.pending {
				if d.rand.IntN(2) == 0 {
					content = e.apply(content)
				}
			}
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), content, filePerm); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// rewritten takes note that a file was written whole and synced.
func (d *disk) rewritten(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[path]
	if f == nil {
		return nil
	}
	if d.fails("rewriting", path) {
		return syscall.EIO
	}
	f.durable, f.pending = append([]byte(nil), f.cached...), nil
	return nil
}

// kill moves the files, as a process that was killed has left them, to another folder. What the disk has is still what it had.
func (d *disk) kill(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(d.root, "next")
	if err := os.Mkdir(dir, dirPerm); err != nil {
		t.Fatal(err)
	}
	left := d.leave(t, false)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range files(t, left) {
		if err := os.Rename(filepath.Join(left, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		f := d.files[filepath.Join(d.home, name)]
		d.files[filepath.Join(dir, name)] = &diskFile{slices.Clone(f.cached), slices.Clone(f.durable), slices.Clone(f.pending)}
	}
	d.home = dir
	return dir
}

// fails counts a call and says whether it is to fail. mu is held.
func (d *disk) fails(call, path string) bool {
	if !strings.HasPrefix(path, d.root) {
		return false
	}
	call += " of " + tempName.ReplaceAllString(filepath.Base(path), ".tmp")
	d.log = append(d.log, call)
	now := false
	if d.left > 0 && (d.only == "" || d.only == call) {
		d.left--
		now = d.left == 0
	}
	if !now && (!d.struck || !d.stuck) {
		return false
	}
	d.struck = true
	if d.failed == "" {
		d.failed = call
	}
	return true
}

func (d *disk) code(ofIO int32) int32 {
	if d.fault == diskFull {
		return sqlite3.SQLITE_FULL
	}
	return ofIO
}

func (f *diskFile) change(e patch) {
	if f == nil {
		return // a file of another folder
	}
	f.cached = e.apply(f.cached)
	f.pending = append(f.pending, e)
}

// sync has what is pending on disk; one that fails only some of it, and nothing is pending any more.
func (f *diskFile) sync(some *rand.Rand) {
	if f == nil {
		return
	}
	for _, e := range f.pending {
		if some == nil || some.IntN(2) == 0 {
			f.durable = e.apply(f.durable)
		}
	}
	f.pending = nil
}

func diskOpen(tls *libc.TLS, vfs, name, file uintptr, flags int32, outFlags uintptr) int32 {
	base := pointee[sqlite3.Tsqlite3_vfs](vfs).FpAppData
	d, path := theDisk.Load(), ""
	if name != 0 {
		path = libc.GoString(name)
	}
	ours := strings.HasPrefix(path, d.root)
	d.mu.Lock()
	defer d.mu.Unlock()
	if ours {
		_, err := os.Lstat(path)
		if err != nil && d.fails("creation", path) { // a full disk refuses what it does not have yet
			pointee[sqlite3.Tsqlite3_file](file).FpMethods = 0
			return sqlite3.SQLITE_CANTOPEN
		}
		if d.files[path] == nil {
			content, _ := os.ReadFile(path)
			d.files[path] = &diskFile{cached: content, durable: append([]byte(nil), content...)}
		}
	}
	rc := to[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](system.FxOpen)(tls, base, name, file, flags, outFlags)
	if f := pointee[sqlite3.Tsqlite3_file](file); f.FpMethods != 0 {
		if ours {
			d.open[file] = path
		}
		f.FpMethods = before(tls, f.FpMethods)
	}
	return rc
}

// before returns the methods that stand before those of the system's VFS; mu is held.
func before(tls *libc.TLS, base uintptr) uintptr {
	for shim, of := range methods {
		if of == base {
			return shim
		}
	}
	m := *pointee[sqlite3.Tsqlite3_io_methods](base)
	shim := libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(m)))
	m.FxClose, m.FxWrite, m.FxTruncate, m.FxSync = function(diskClose), function(diskWrite), function(diskTruncate), function(diskSync)
	m.FxShmMap = function(diskShmMap)
	*pointee[sqlite3.Tsqlite3_io_methods](shim) = m
	methods[shim] = base
	return shim
}

// of returns the disk, locked, with the file's content and the methods of the system's VFS.
func of(file uintptr) (d *disk, path string, f *diskFile, m *sqlite3.Tsqlite3_io_methods) {
	d = theDisk.Load()
	d.mu.Lock()
	path = d.open[file]
	return d, path, d.files[path], pointee[sqlite3.Tsqlite3_io_methods](methods[pointee[sqlite3.Tsqlite3_file](file).FpMethods])
}

func diskClose(tls *libc.TLS, file uintptr) int32 {
	d, _, _, m := of(file)
	defer d.mu.Unlock()
	delete(d.open, file)
	return to[func(*libc.TLS, uintptr) int32](m.FxClose)(tls, file)
}

func diskWrite(tls *libc.TLS, file, from uintptr, n int32, off int64) (rc int32) {
	d, path, f, m := of(file)
	defer d.mu.Unlock()
	if d.fails("write", path) {
		if rc = d.code(sqlite3.SQLITE_IOERR_WRITE); d.fault != diskFull {
			return rc
		}
		n /= 2
	}
	f.change(patch{off, append([]byte{}, libc.GoBytes(from, int(n))...)})
	if e := to[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](m.FxWrite)(tls, file, from, n, off); e != 0 {
		return e
	}
	return rc
}

func diskTruncate(tls *libc.TLS, file uintptr, size int64) int32 {
	d, path, f, m := of(file)
	defer d.mu.Unlock()
	if d.fails("truncation", path) {
		return sqlite3.SQLITE_IOERR_TRUNCATE
	}
	f.change(patch{off: size})
	return to[func(*libc.TLS, uintptr, int64) int32](m.FxTruncate)(tls, file, size)
}

func diskSync(_ *libc.TLS, file uintptr, _ int32) int32 {
	d, path, f, _ := of(file)
	defer d.mu.Unlock()
	if d.fails("sync", path) {
		f.sync(d.rand)
		return sqlite3.SQLITE_IOERR_FSYNC
	}
	f.sync(nil)
	delete(d.ghosts, path) // a file that is on disk has its name
	return 0
}

func diskShmMap(tls *libc.TLS, file uintptr, region, size, extend int32, into uintptr) int32 {
	d, path, _, m := of(file)
	defer d.mu.Unlock()
	if extend != 0 && d.fails("growth", path+"-shm") {
		return d.code(sqlite3.SQLITE_IOERR_SHMSIZE)
	}
	return to[func(*libc.TLS, uintptr, int32, int32, int32, uintptr) int32](m.FxShmMap)(tls, file, region, size, extend, into)
}

func diskDelete(tls *libc.TLS, vfs, name uintptr, syncDir int32) int32 {
	d, path := theDisk.Load(), libc.GoString(name)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails("removal", path) {
		return sqlite3.SQLITE_IOERR_DELETE
	}
	if f := d.files[path]; f != nil && syncDir == 0 {
		d.ghosts[path] = f.durable
	}
	delete(d.files, path)
	return to[func(*libc.TLS, uintptr, uintptr, int32) int32](system.FxDelete)(tls, pointee[sqlite3.Tsqlite3_vfs](vfs).FpAppData, name, syncDir)
}

// function gives a Go function to SQLite, which calls it by what Go keeps of it: an address of static data.
func function[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

// to is the way back.
func to[F any](address uintptr) F { return *(*F)(unsafe.Pointer(&address)) }

// pointee is a struct in SQLite's own memory.
func pointee[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }
