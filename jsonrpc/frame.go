package jsonrpc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// DefaultMaxMessageSize is the most bytes one frame may have unless set otherwise.
const DefaultMaxMessageSize = 16 << 20

// MinMessageSize is the least that a limit on frames may be set to: greetings and errors must fit.
const MinMessageSize = 4 << 10

const readBuffer = 64 << 10

// tooLargeError is a frame over the limit. The frame has been read to its end and dropped.
type tooLargeError struct{ limit int }

func (e *tooLargeError) Error() string { return fmt.Sprintf("frame is larger than %d bytes", e.limit) }

// frameReader cuts a byte stream into lines. Its memory is bounded by the limit, whatever the peer sends.
type frameReader struct {
	r     *bufio.Reader
	limit int // bytes of a line, its end not counted
	large int // bytes of the last line that did not fit into r's buffer: the next is often as large
}

func newFrameReader(r io.Reader, limit int) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, readBuffer), limit: limit}
}

// next returns the next line that is not blank, without its end, in memory of its own. With a *tooLargeError it returns
// what is kept of the line: its beginning, cutMark and its end. A last line without an end is dropped: it was cut off.
func (f *frameReader) next() ([]byte, error) {
	for {
		line, err := f.line()
		if err != nil || len(trimLeft(line)) > 0 {
			return line, err
		}
	}
}

func (f *frameReader) line() ([]byte, error) {
	part, err := f.r.ReadSlice('\n')
	if err == nil {
		if line := trimEnd(part); len(line) <= f.limit {
			return bytes.Clone(line), nil
		}
		return f.cut(part, nil)
	}
	line := make([]byte, 0, max(f.large+f.large/16, 4*readBuffer)) // a little more: ids get longer
	for errors.Is(err, bufio.ErrBufferFull) && len(line)+len(part) <= f.limit+len("\r") {
		line = append(line, part...)
		part, err = f.r.ReadSlice('\n')
	}
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	if line = append(line, part...); err != nil || len(trimEnd(line)) > f.limit {
		return f.cut(line, err)
	}
	f.large = len(line)
	return snug(trimEnd(line)), nil
}

// snug gives b in memory of its size, where it has much more: a frame is kept for as long as its payload.
func snug(b []byte) []byte {
	if cap(b)-len(b) > len(b)/4 {
		return bytes.Clone(b)
	}
	return b
}

// cut reads on to the end of a line of which too much has been read already.
func (f *frameReader) cut(line []byte, err error) ([]byte, error) {
	if err == nil {
		line = trimEnd(line)
	}
	kept := make([]byte, 0, cutHead+len(cutMark)+2*cutTail)
	kept = append(kept, line[:min(len(line), cutHead)]...)
	kept = append(kept, cutMark...)
	tail := bytes.Clone(tailOf(line[min(len(line), cutHead):]))
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = f.r.ReadSlice('\n')
		tail = append(tailOf(tail), tailOf(line)...)
	}
	if err != nil {
		return nil, err
	}
	return append(kept, trimEnd(tailOf(tail))...), &tooLargeError{limit: f.limit}
}

// trimEnd takes the line end off.
func trimEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
}

// tailOf is what is kept of the end of a frame.
func tailOf(b []byte) []byte { return b[max(0, len(b)-cutTail):] }

// trimLeft takes off the white space before a frame's first token.
func trimLeft(frame []byte) []byte { return bytes.TrimLeft(frame, " \t\r\n") }
