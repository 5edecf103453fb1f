package jsonrpc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
)

// sips takes a few bytes of each write that must not wait, and then none, and all of the others.
type sips struct {
	most  int // bytes at once
	taken bytes.Buffer
}

func (s *sips) WriteNow(b []byte) (int, error) {
	return s.taken.Write(b[:min(len(b), s.most)])
}

func (s *sips) Write(b []byte) (int, error) { return s.taken.Write(b) }

func TestLargePayloadsAreWrittenInTheirPlaceWhereverAWriteIsCutShort(t *testing.T) {
	large := json.RawMessage(`["` + strings.Repeat("a", 2*ownPiece) + `"]`)
	for _, framing := range Framings {
		for _, most := range []int{0, 1, 20, 60, 70, 1000, ownPiece, len(large), 1 << 30} {
			peer := &sips{most: most}
			w := newWriter(peer, Options{Framing: framing, MaxMessageSize: 1 << 20})
			var want []byte
			size := 0
			for i := range 4 {
				for _, m := range []*outgoing{
					{id: uint64(i + 1), method: "small", params: json.RawMessage(`[1]`)},
					{id: uint64(i + 1), method: "large", params: large, meta: json.RawMessage(`{"a":1}`)},
					{answer: true, to: json.RawMessage(fmt.Sprint(i)), result: large},
					{answer: true, batch: large},
				} {
					from := len(want)
					want = framing.finish(m.appendTo(want), from)
					if err := w.append(m); err != nil {
						t.Fatal(err)
					}
					size += len(want) - from
				}
				if got := w.buf.size(); got != size {
					t.Errorf("%d bytes wait, not %d", got, size)
				}
				size = 0
				w.flush()
				if most == 1<<30 { // nothing is left for the goroutine
					continue
				}
				if _, err := w.drain(); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(peer.taken.Bytes(), want) {
				t.Errorf("%s, %d bytes at once: other bytes were written than would be by copying", framing, most)
			}
			if w.unread() > 0 || w.roomBelow(1) != nil {
				t.Error("something seems to wait that has been written")
			}
		}
	}
}

func TestALargePayloadIsNotCopiedNorKept(t *testing.T) {
	w := newWriter(io.Discard, Options{MaxMessageSize: 1 << 20})
	large := json.RawMessage(`"` + strings.Repeat("a", ownPiece) + `"`)
	if err := w.append(&outgoing{method: "m", params: large}); err != nil {
		t.Fatal(err)
	}
	if cap(w.buf.buf) > 1<<10 || len(w.buf.list) != 2 || &w.buf.list[1][0] != &large[0] {
		t.Errorf("room for %d bytes, %d pieces", cap(w.buf.buf), len(w.buf.list))
	}
	if _, err := w.drain(); err != nil {
		t.Fatal(err)
	}
	for _, b := range w.spare.list[:cap(w.spare.list)] {
		if b != nil {
			t.Error("a payload is kept that has been written")
		}
	}
}

func TestALargePayloadWithLineEndsGoesWithoutThem(t *testing.T) {
	var out bytes.Buffer
	w := newWriter(&out, Options{MaxMessageSize: 1 << 20})
	if err := w.append(&outgoing{method: "m", params: json.RawMessage("[" + strings.Repeat("1,\n", ownPiece) + "1]")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.drain(); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(out.Bytes(), []byte("\n")); n != 1 {
		t.Errorf("%d lines", n)
	}
}
