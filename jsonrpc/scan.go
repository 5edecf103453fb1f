package jsonrpc

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// syntaxError says where a frame stops being JSON.
type syntaxError struct{ offset int }

func (e *syntaxError) Error() string { return fmt.Sprintf("not JSON at byte %d", e.offset) }

// scanner walks JSON text once, checking it as encoding/json does and keeping nothing.
type scanner struct {
	b     []byte
	i     int
	extra int // levels beyond MaxDepth that it may nest

	key   []byte // the outermost object's last key
	whole bool   // and whether its value has been read
}

func (s *scanner) fault() error { return &syntaxError{offset: s.i} }

func (s *scanner) space() {
	if s.i < len(s.b) && s.b[s.i] <= ' ' {
		s.skipSpace()
	}
}

func (s *scanner) skipSpace() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// accept steps over c if it is next.
func (s *scanner) accept(c byte) bool {
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

func (s *scanner) end() error {
	s.space()
	if s.i != len(s.b) {
		return s.fault()
	}
	return nil
}

func (s *scanner) value(depth int) error {
	if s.i >= len(s.b) {
		return s.fault()
	}
	switch c := s.b[s.i]; {
	case c == '"':
		return s.str()
	case c == '{':
		return s.object(depth, nil)
	case c == '[':
		return s.array(depth, nil)
	case c == '-' || isDigit(c):
		return s.number()
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	}
	return s.fault()
}

func (s *scanner) object(depth int, member func(key, value []byte)) error {
	if depth >= MaxDepth+s.extra {
		return errTooDeep
	}
	if !s.accept('{') {
		return s.fault()
	}
	s.space()
	if s.accept('}') {
		return nil
	}
	for {
		keyStart := s.i
		if err := s.str(); err != nil {
			return err
		}
		key := s.b[keyStart:s.i]
		if depth == 0 {
			s.key, s.whole = key, false
		}
		s.space()
		if !s.accept(':') {
			return s.fault()
		}
		s.space()
		valueStart := s.i
		if err := s.value(depth + 1); err != nil {
			return err
		}
		if depth == 0 {
			s.whole = true
		}
		if member != nil {
			member(key, s.b[valueStart:s.i:s.i])
		}
		s.space()
		if s.accept('}') {
			return nil
		}
		if !s.accept(',') {
			return s.fault()
		}
		s.space()
	}
}

func (s *scanner) array(depth int, each func(element []byte)) error {
	if depth >= MaxDepth+s.extra {
		return errTooDeep
	}
	if !s.accept('[') {
		return s.fault()
	}
	s.space()
	if s.accept(']') {
		return nil
	}
	for {
		start := s.i
		if err := s.value(depth + 1); err != nil {
			return err
		}
		if each != nil {
			each(s.b[start:s.i:s.i])
		}
		s.space()
		if s.accept(']') {
			return nil
		}
		if !s.accept(',') {
			return s.fault()
		}
		s.space()
	}
}

// plain marks the bytes of a string that need no second look: anything but the quote, the backslash and control characters.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 0x20 && c != '"' && c != '\\'
	}
	return t
}()

func (s *scanner) str() error {
	if !s.accept('"') {
		return s.fault()
	}
	for {
		s.skipPlain()
		if s.i >= len(s.b) {
			return s.fault()
		}
		switch s.b[s.i] {
		case '"':
			s.i++
			return nil
		case '\\':
			s.i++
			if err := s.escape(); err != nil {
				return err
			}
		default:
			return s.fault()
		}
	}
}

// skipPlain steps over plain bytes, by eights while it can.
func (s *scanner) skipPlain() {
	b := s.b[s.i:]
	for len(b) >= 8 {
		if m := notPlain(binary.LittleEndian.Uint64(b)); m != 0 {
			s.i = len(s.b) - len(b) + bits.TrailingZeros64(m)/8
			return
		}
		b = b[8:]
	}
	for len(b) > 0 && plain[b[0]] {
		b = b[1:]
	}
	s.i = len(s.b) - len(b)
}

// notPlain is not 0 if one of the eight bytes is not plain; its lowest bit is in the first of them. A byte below n is one
// that borrows when n is taken from it and was not above 0x7f before: see "Determine if a word has a byte less than n" in
// Sean Anderson's Bit Twiddling Hacks.
func notPlain(x uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote, backslash := x^ones*'"', x^ones*'\\'
	return ((x-ones*0x20)&^x | (quote-ones)&^quote | (backslash-ones)&^backslash) & highs
}

func (s *scanner) escape() error {
	if s.i >= len(s.b) {
		return s.fault()
	}
	switch s.b[s.i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.i++
		return nil
	case 'u':
		s.i++
		for range 4 {
			if s.i >= len(s.b) || !isHex(s.b[s.i]) {
				return s.fault()
			}
			s.i++
		}
		return nil
	}
	return s.fault()
}

func (s *scanner) number() error {
	s.accept('-')
	switch {
	case s.accept('0'):
	case s.digits():
	default:
		return s.fault()
	}
	if s.accept('.') && !s.digits() {
		return s.fault()
	}
	if s.accept('e') || s.accept('E') {
		if !s.accept('+') {
			s.accept('-')
		}
		if !s.digits() {
			return s.fault()
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.b) && isDigit(s.b[s.i]) {
		s.i++
	}
	return s.i > start
}

func (s *scanner) word(w string) error {
	for i := range len(w) {
		if !s.accept(w[i]) {
			return s.fault()
		}
	}
	return nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
