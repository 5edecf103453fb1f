package jsonrpc

import (
	"bytes"
	"io"
	"strconv"
)

// Framing is how a byte stream is cut into frames.
type Framing string

// The framings that there are.
const (
	NDJSON        Framing = "ndjson"         // one message a line
	ContentLength Framing = "content-length" // base protocol of the Language Server Protocol: headers, then so many bytes
)

// Framings are all of them, the default first.
var Framings = []Framing{NDJSON, ContentLength}

const (
	contentLength = "Content-Length"
	contentType   = "Content-Type"
)

// reader cuts a byte stream into frames of at most limit bytes. The zero Framing is NDJSON.
func (f Framing) reader(r io.Reader, limit int) interface{ next() ([]byte, error) } {
	if f == ContentLength {
		return newBodyReader(r, limit)
	}
	return newFrameReader(r, limit)
}

// finish makes the message in buf[from:] a frame.
func (f Framing) finish(buf []byte, from int) []byte {
	if f != ContentLength {
		return append(buf, '\n')
	}
	// The length goes in front and is known only now. Blanks that would have kept its place are not for every reader.
	var room [48]byte
	header := append(room[:0], contentLength+": "...)
	header = strconv.AppendInt(header, int64(len(buf)-from), 10)
	header = append(header, "\r\n\r\n"...)
	buf = append(buf, header...)
	copy(buf[from+len(header):], buf[from:])
	copy(buf[from:], header)
	return buf
}

// headerOf gives the value of the header that line begins with, if it has this name, in letters of any case.
func headerOf(line []byte, name string) (value []byte, ok bool) {
	if len(line) < len(name) || !bytes.EqualFold(line[:len(name)], []byte(name)) {
		return nil, false
	}
	return bytes.CutPrefix(bytes.Trim(line[len(name):], " \t\r"), []byte{':'})
}

// lengthOf reads the value of a Content-Length: digits, without a sign.
func lengthOf(value []byte) (length int64, ok bool) {
	value = bytes.TrimLeft(value, " \t")
	if len(value) == 0 || !isDigit(value[0]) {
		return 0, false
	}
	length, err := strconv.ParseInt(string(value), 10, 64)
	return length, err == nil
}
