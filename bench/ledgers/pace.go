package ledgers

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/bench/result"
)

// paceOf measures do, which handles n jobs: how many a second that are, and the processor time of one, the whole process's, which other load on the machine changes less.
func paceOf(n int, do func() error) (result.Figures, error) {
	began, before := time.Now(), processor()
	if err := do(); err != nil {
		return nil, err
	}
	return result.Figures{
		result.Rate:      float64(n) / time.Since(began).Seconds(),
		result.Processor: (processor() - before).Seconds() / float64(n),
	}, nil
}

// processor is how much processor time this process has used.
func processor() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u) // it has no way to fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
