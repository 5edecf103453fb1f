package floor

import (
	"os"
	"time"
)

// Sync is how long each of n writes of 4 KiB at the end of a new file takes that is on disk when it returns.
func Sync(path string, n int) (times []time.Duration, err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	defer func() { _ = os.Remove(path) }()
	block := make([]byte, 4096)
	times = make([]time.Duration, n)
	for i := range times {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		times[i] = time.Since(began)
	}
	return times, nil
}
