package ledger

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// sketchError is by how much a quantile of a sketch may be off, as a share of itself.
const sketchError = 0.02

const sketchGamma = (1 + sketchError) / (1 - sketchError)

// sketchScale turns a logarithm into an index.
var sketchScale = 1 / math.Log(sketchGamma)

// mostBins holds every duration there is.
const mostBins = 1200

// sketch counts durations in bins whose bounds grow by a constant factor, so that every quantile is known to within sketchError of
// itself, however the durations are spread. Two sketches are merged by adding their counts. It is the DDSketch of Masson, Rim and
// Lee (2019), for whole microseconds; ADR 32 says why it is not a library's. The zero sketch is empty.
type sketch struct {
	bins []uint64 // of durations in (gamma^(i-1), gamma^i] microseconds; the first also has 0
	n    uint64
}

var errSketch = errors.New("latency sketch cannot be read")

func (s *sketch) add(d time.Duration) {
	i := 0
	if us := d.Microseconds(); us > 1 {
		i = int(math.Ceil(math.Log(float64(us)) * sketchScale))
	}
	s.count(i, 1)
}

func (s *sketch) count(i int, n uint64) {
	for len(s.bins) <= i {
		s.bins = append(s.bins, make([]uint64, i+1-len(s.bins))...)
	}
	s.bins[i] += n
	s.n += n
}

// quantile is the duration that the share q of all are not longer than; 0 of an empty sketch.
func (s *sketch) quantile(q float64) time.Duration {
	rank := uint64(q * float64(max(s.n, 1)-1))
	seen := uint64(0)
	for i, n := range s.bins {
		if seen += n; n > 0 && seen > rank {
			if i == 0 {
				return 0
			}
			return time.Duration(2 * math.Pow(sketchGamma, float64(i)) / (1 + sketchGamma) * float64(time.Microsecond))
		}
	}
	return 0
}

// appendTo writes the bins that are not empty: how many are passed over, and the count, as varints.
func (s *sketch) appendTo(b []byte) []byte {
	next := 0
	for i, n := range s.bins {
		if n > 0 {
			b = binary.AppendUvarint(b, uint64(i-next))
			b = binary.AppendUvarint(b, n)
			next = i + 1
		}
	}
	return b
}

// merge adds what appendTo wrote.
func (s *sketch) merge(b []byte) error {
	i := 0
	for len(b) > 0 {
		gap, width := binary.Uvarint(b)
		if width <= 0 || gap >= mostBins {
			return errSketch
		}
		n, more := binary.Uvarint(b[width:])
		if i += int(gap); more <= 0 || i >= mostBins {
			return errSketch
		}
		s.count(i, n)
		i++
		b = b[width+more:]
	}
	return nil
}
