package supervisor

import (
	"bytes"
	"strings"
	"sync"
)

const (
	tailLines = 20
	tailLine  = 1 << 10 // bytes kept of one line
)

// tail keeps the last lines that a process printed.
type tail struct {
	mu    sync.Mutex
	lines [tailLines]string
	n     int // lines ever added
}

// add keeps a line, cut to tailLine bytes.
func (t *tail) add(line []byte) {
	line = bytes.TrimRight(line, "\r\n")
	kept := strings.ToValidUTF8(string(line[:min(len(line), tailLine)]), "\uFFFD")
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines[t.n%tailLines] = kept
	t.n++
}

// String gives the lines, oldest first, without a line end after the last.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := max(0, t.n-tailLines)
	kept := make([]string, 0, t.n-first)
	for i := first; i < t.n; i++ {
		kept = append(kept, t.lines[i%tailLines])
	}
	return strings.Join(kept, "\n")
}
