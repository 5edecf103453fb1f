package jsonrpc

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// readFrames reads to the end; a frame that is too large is shown as an exclamation mark and its beginning.
func readFrames(r io.Reader, limit int) (frames []string, err error) {
	return readAll(newFrameReader(r, limit))
}

// readAll is readFrames for any framing; text outside of a frame is shown with a question mark.
func readAll(f interface{ next() ([]byte, error) }) (frames []string, err error) {
	for {
		frame, err := f.next()
		var tooLarge *tooLargeError
		var outside *outsideError
		switch {
		case errors.As(err, &outside):
			frames = append(frames, "?"+string(frame))
		case errors.As(err, &tooLarge):
			head, _, _ := strings.Cut(string(frame), cutMark)
			frames = append(frames, "!"+head[:min(len(head), 8)])
		case err != nil:
			return frames, err
		default:
			frames = append(frames, string(frame))
		}
	}
}

func TestAFrameMayHaveExactlyTheLimit(t *testing.T) {
	for _, limit := range []int{1, 10, readBuffer - 2, readBuffer - 1, readBuffer, readBuffer + 1, 3*readBuffer - 1, 3 * readBuffer} {
		for _, end := range []string{"\n", "\r\n"} {
			fits, over := strings.Repeat("a", limit), strings.Repeat("b", limit+1)
			for name, r := range map[string]io.Reader{
				"at once": strings.NewReader(fits + end + over + end + fits + end),
				"halves":  iotest.HalfReader(strings.NewReader(fits + end + over + end + fits + end)),
			} {
				frames, err := readFrames(r, limit)
				if len(frames) != 3 || frames[0] != fits || frames[1] != "!"+over[:min(len(over), 8)] || frames[2] != fits || !errors.Is(err, io.EOF) {
					t.Errorf("limit %d, end %q, %s: %.20q %v", limit, end, name, frames, err)
				}
			}
		}
	}
}

func TestFramesMayArriveByteByByte(t *testing.T) {
	long := strings.Repeat("x", 2*readBuffer)
	frames, err := readFrames(iotest.OneByteReader(strings.NewReader("a\n"+long+"\nb\n")), len(long))
	if strings.Join(frames, " ") != "a "+long+" b" || !errors.Is(err, io.EOF) {
		t.Fatalf("%.50q %v", frames, err)
	}
}

func TestLinesAreCutAtLineFeedsOnly(t *testing.T) {
	for stream, want := range map[string]string{
		"":                      "",
		"a\nb\n":                "a|b",
		"\n\n \n\t\r\n\r\na\n":  "a",
		"a\r\nb\rc\n":           "a|b\rc",
		"a\ncut off":            "a",
		"cut off":               "",
		"  indented  \n":        "  indented  ",
		"a\u2028b\n\u0085c\n":   "a\u2028b|\u0085c",
		"\x00\n\v\n":            "\x00|\v",
		strings.Repeat("a", 99): "",
	} {
		if frames, err := readFrames(strings.NewReader(stream), 50); strings.Join(frames, "|") != want || !errors.Is(err, io.EOF) {
			t.Errorf("%q: %q %v", stream, frames, err)
		}
	}
}

func TestAReadErrorComesAfterTheWholeFramesBeforeIt(t *testing.T) {
	broken := errors.New("broken")
	frames, err := readFrames(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), 50)
	if len(frames) != 1 || !errors.Is(err, broken) {
		t.Fatalf("%q %v", frames, err)
	}
}

func TestAnEndlessLineTakesBoundedMemory(t *testing.T) {
	const size, limit = 1 << 30, 1 << 20
	endlessLine := io.LimitReader(&endless{line: bytes.Repeat([]byte("a"), 1<<20)}, size)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	frames, err := readFrames(io.MultiReader(endlessLine, strings.NewReader("\nnext\n")), limit)
	runtime.ReadMemStats(&after)
	if len(frames) != 2 || frames[0] != "!aaaaaaaa" || frames[1] != "next" || !errors.Is(err, io.EOF) {
		t.Fatalf("%.50q %v", frames, err)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 100<<20 { // freed at once, and mostly the tail's
		t.Errorf("%d bytes allocated for a line of %d", allocated, size)
	}
}

func TestAFrameThatWasReadHasNoSlack(t *testing.T) {
	for _, size := range []int{1, 100, readBuffer - 1, readBuffer, 5 * readBuffer, 1 << 20} {
		frame, err := newFrameReader(strings.NewReader(strings.Repeat("a", size)+"\n"), 1<<20).next()
		if err != nil || len(frame) != size || cap(frame) > size+size/4+64 {
			t.Errorf("%d bytes: len %d cap %d %v", size, len(frame), cap(frame), err)
		}
	}
}

// FuzzFrameReader holds the reader to a simple one, whatever the bytes and however they come.
func FuzzFrameReader(f *testing.F) {
	f.Add([]byte("a\nbb\r\n\n \nccc"), uint16(2), uint16(1))
	f.Add([]byte("a\r\r\n\r\n\rb\n"), uint16(1), uint16(3))
	f.Add(bytes.Repeat([]byte("0123456789"), 20), uint16(7), uint16(5))
	f.Add([]byte("x\n"), uint16(0xffff), uint16(0))
	f.Fuzz(func(t *testing.T, data []byte, limit, chunk uint16) {
		const repeat = readBuffer / 16 // lines longer than the read buffer
		for _, stream := range [][]byte{data, bytes.ReplaceAll(data, []byte("x"), bytes.Repeat([]byte("x"), repeat))} {
			if len(stream) > 1<<20 {
				return
			}
			var want []string
			lines := strings.Split(string(stream), "\n")
			for _, line := range lines[:len(lines)-1] {
				line = strings.TrimSuffix(line, "\r")
				switch {
				case len(line) > int(limit):
					want = append(want, "!"+line[:min(len(line), 8)])
				case strings.Trim(line, " \t\r") != "":
					want = append(want, line)
				}
			}
			got, err := readFrames(&chunks{b: stream, size: int(chunk)}, int(limit))
			if !errors.Is(err, io.EOF) || len(got) != len(want) {
				t.Fatalf("%d frames, want %d: %.200q, want %.200q; %v", len(got), len(want), got, want, err)
			}
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("frame %d is %.200q, want %.200q", i, got[i], want[i])
				}
			}
		}
	})
}

// chunks gives at most size+1 bytes at a time.
type chunks struct {
	b    []byte
	size int
}

func (c *chunks) Read(b []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), c.size+1)], c.b)
	c.b = c.b[n:]
	return n, nil
}
