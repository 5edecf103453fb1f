package jsonrpc

import (
	"bytes"
	"errors"
	"io"
)

// outsideError is text that belongs to no frame, as of a program that takes its stdout for a log.
type outsideError struct{}

func (*outsideError) Error() string { return "text outside of a frame" }

// bodyReader cuts a byte stream into frames of ContentLength. Its memory is bounded by the limit, whatever the peer sends. After
// bytes that are no frame it goes on at the next Content-Length, be it in the middle of a line.
type bodyReader struct {
	lines  *frameReader // headers, and text outside of frames
	limit  int          // bytes of a body
	inside bool         // the headers of a frame have begun
	length int64        // what they announce; -1: nothing yet
}

// lineLimit is how long a line outside may be at least. Of a longer one the end is kept, in which a header can be.
const lineLimit = cutHead + cutTail

func newBodyReader(r io.Reader, limit int) *bodyReader {
	return &bodyReader{lines: newFrameReader(r, max(limit, lineLimit)), limit: limit}
}

// next returns the body of the next frame that is not blank, in memory of its own. With a *tooLargeError it returns what is kept
// of a body, or of a line outside; with an *outsideError a line outside, without its end. A frame that was cut off is dropped.
func (r *bodyReader) next() ([]byte, error) {
	for {
		line, err := r.lines.line()
		var tooLarge *tooLargeError
		switch {
		case errors.As(err, &tooLarge):
			return r.outside(line, err)
		case err != nil:
			return nil, err
		case len(trimLeft(line)) > 0:
			if !r.header(line) {
				if text, err := r.outside(line, &outsideError{}); len(trimLeft(text)) > 0 {
					return text, err
				}
			}
		case r.inside:
			r.inside = false
			body, err := r.body(r.length)
			if err != nil || len(trimLeft(body)) > 0 {
				return body, err
			}
		}
	}
}

// header takes a line that is a header. Of two lengths the last counts: the first may be left of a frame that was cut off.
func (r *bodyReader) header(line []byte) bool {
	length := int64(-1)
	if value, ok := headerOf(line, contentLength); ok {
		if length, ok = lengthOf(value); !ok {
			return false
		}
	} else if _, ok := headerOf(line, contentType); !ok { // its value can only be UTF-8
		return false
	}
	if !r.inside || length >= 0 {
		r.inside, r.length = true, length
	}
	return true
}

// headerAtMost is how long a Content-Length that ends a line can be.
const headerAtMost = len(contentLength) + 32

// outside gives the part of a line that is no header, with why. It does not end the headers: it may have been printed between
// two of them. Text without a line end, or a body longer than was announced, comes right before the next header.
func (r *bodyReader) outside(line []byte, why error) ([]byte, error) {
	first := max(0, len(line)-headerAtMost)
	for at := len(line) - len(contentLength); at > first; at-- {
		if _, ok := headerOf(line[at:], contentLength); ok && r.bodyFollows() && r.header(line[at:]) {
			return line[:at], why
		}
	}
	return line, why
}

// bodyFollows says whether another header comes next, or the message: text may speak of a Content-Length too.
func (r *bodyReader) bodyFollows() bool {
	const header = "content-type:"
	ahead, _ := r.lines.r.Peek(len("\r\n{")) // less is none
	if bytes.HasPrefix(bytes.ToLower(ahead), []byte(header[:2])) {
		ahead, _ = r.lines.r.Peek(len(header))
		return bytes.EqualFold(ahead, []byte(header))
	}
	ahead = bytes.TrimPrefix(bytes.TrimPrefix(ahead, []byte{'\r'}), []byte{'\n'})
	return len(ahead) > 0 && (ahead[0] == '{' || ahead[0] == '[')
}

// body reads a body. A large one is read in pieces, so that a length is not believed before the bytes come.
func (r *bodyReader) body(length int64) ([]byte, error) {
	switch {
	case length < 0:
		return nil, nil
	case length > int64(r.limit):
		return r.skip(length)
	}
	var parts [][]byte
	for left, size := int(length), readBuffer; left > 0; size *= 2 {
		part := make([]byte, min(left, size))
		if err := r.fill(part); err != nil {
			return nil, err
		}
		parts = append(parts, part)
		left -= len(part)
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return bytes.Join(parts, nil), nil
}

// skip reads over a body that is too large, and keeps its beginning and its end.
func (r *bodyReader) skip(length int64) ([]byte, error) {
	head := min(length, cutHead)
	tail := min(length-head, cutTail)
	kept := make([]byte, head, head+int64(len(cutMark))+tail)
	if err := r.fill(kept); err != nil {
		return nil, err
	}
	for left := length - head - tail; left > 0; {
		n, err := r.lines.r.Discard(int(min(left, 1<<30)))
		if err != nil {
			return nil, err
		}
		left -= int64(n)
	}
	kept = append(kept, cutMark...)
	at := len(kept)
	kept = kept[:at+int(tail)]
	if err := r.fill(kept[at:]); err != nil {
		return nil, err
	}
	return kept, &tooLargeError{limit: r.limit}
}

// fill reads all of b. A stream that ends in the middle of a frame has ended.
func (r *bodyReader) fill(b []byte) error {
	_, err := io.ReadFull(r.lines.r, b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}
