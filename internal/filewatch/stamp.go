package filewatch

import (
	"hash/maphash"
	"os"
	"time"
)

// mostHashed is the most bytes of a file that are read to tell whether it has changed. Of a larger one the size and the time
// have to do.
const mostHashed = 1 << 20

var seed = maphash.MakeSeed()

// stamp is what tells one version of a file from the next.
type stamp struct {
	changed time.Time
	size    int64
	content uint64 // some file systems count time in seconds, and some tools put it back
}

// stampOf reads a file's stamp. False: there is no such file.
func stampOf(path string) (stamp, bool) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return stamp{}, false
	}
	s := stamp{changed: info.ModTime(), size: info.Size()}
	if s.size <= mostHashed {
		if content, err := os.ReadFile(path); err == nil { // of one that cannot be read the rest has to do
			s.content = maphash.Bytes(seed, content)
		}
	}
	return s, true
}

func (s stamp) equal(other stamp) bool {
	return s.changed.Equal(other.changed) && s.size == other.size && s.content == other.content
}
