package result

import (
	"fmt"
	"math"
	"time"

	"github.com/dustin/go-humanize"
)

// Figure is what is measured of a contender.
type Figure string

// Times are in seconds and sizes in bytes.
const (
	Rate       Figure = "rate"       // jobs or calls a second
	Throughput Figure = "throughput" // bytes a second
	P50        Figure = "p50"        // the median time of one call
	P99        Figure = "p99"
	Took       Figure = "took"      // the time that something takes that is done once
	Processor  Figure = "processor" // processor time of a job or call
	Memory     Figure = "memory"
	Size       Figure = "size"      // on disk
	Busy       Figure = "busy"      // share of one processor
	WakeUps    Figure = "wakeUps"   // context switches a second
	Delivered  Figure = "delivered" // share of the spans that a collector got
)

// Figures is what one turn of a contender came to.
type Figures map[Figure]float64

// label is what a row calls the figure, after the work; a rate needs no word.
func (f Figure) label() string {
	switch f {
	case Rate, Throughput, Took, Size:
		return ""
	case Processor:
		return "processor time"
	case Busy:
		return "processor"
	case WakeUps:
		return "wake-ups"
	case Delivered:
		return "spans delivered"
	default:
		return string(f)
	}
}

// MoreIsBetter tells rates from costs.
func (f Figure) MoreIsBetter() bool { return f == Rate || f == Throughput || f == Delivered }

// Text is a value of the figure with its unit.
func (f Figure) Text(v float64) string {
	switch f {
	case Rate:
		return humanize.Comma(int64(math.Round(v))) + "/s"
	case Throughput:
		return inBytes(v) + "/s"
	case Memory, Size:
		return inBytes(v)
	case Busy, Delivered:
		return fmt.Sprintf("%.3g %%", 100*v)
	case WakeUps:
		return fmt.Sprintf("%.1f/s", v)
	default:
		return brief(v)
	}
}

func inBytes(n float64) string { return humanize.IBytes(uint64(max(0, n))) }

// brief is a time with three digits.
func brief(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	unit := time.Duration(1)
	for unit*1000 <= d {
		unit *= 10
	}
	return d.Round(unit).String()
}
