package jsonrpc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// framed is a message as ContentLength frames it.
func framed(message string) string {
	return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(message), message)
}

// readBodies reads to the end, as readFrames does.
func readBodies(r io.Reader, limit int) ([]string, error) {
	return readAll(newBodyReader(r, limit))
}

func TestABodyMayHaveExactlyTheLimit(t *testing.T) {
	for _, limit := range []int{1, 10, cutHead, cutHead + cutTail, readBuffer - 1, readBuffer, readBuffer + 1, 3 * readBuffer, 7*readBuffer + 1} {
		fits, over := strings.Repeat("a", limit), strings.Repeat("b", limit+1)
		stream := framed(fits) + framed(over) + framed(fits)
		for name, r := range map[string]io.Reader{
			"at once":      strings.NewReader(stream),
			"halves":       iotest.HalfReader(strings.NewReader(stream)),
			"byte by byte": iotest.OneByteReader(strings.NewReader(stream)),
		} {
			frames, err := readBodies(r, limit)
			if !slices.Equal(frames, []string{fits, "!" + over[:min(len(over), 8)], fits}) || !errors.Is(err, io.EOF) {
				t.Errorf("limit %d, %s: %.20q %v", limit, name, frames, err)
			}
		}
	}
}

func TestHeadersAreReadAsTheyAreWrittenByOthers(t *testing.T) {
	for _, headers := range []string{
		"Content-Length: 2\r\n\r\n", "content-length:2\n\n", "CONTENT-LENGTH :\t2 \r\n\r\n", "Content-Length: 002\r\n\r\n",
		"Content-Length: 2\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n",
		"content-type: application/vscode-jsonrpc\r\nContent-Length: 2\r\n\r\n",
		"Content-Length: 7\r\nContent-Length: 2\r\n\r\n", "\r\n \r\nContent-Length: 2\r\n\t\r\n",
	} {
		for _, r := range []io.Reader{strings.NewReader(headers + "{}" + framed("[]")), iotest.OneByteReader(strings.NewReader(headers + "{}" + framed("[]")))} {
			if frames, err := readBodies(r, 50); !slices.Equal(frames, []string{"{}", "[]"}) || !errors.Is(err, io.EOF) {
				t.Errorf("%q: %q %v", headers, frames, err)
			}
		}
	}
}

func TestTheReaderGoesOnAtTheNextHeaderAfterWhatIsNoFrame(t *testing.T) {
	next := framed(`{"n":1}`)
	const got = `{"n":1}`
	for stream, want := range map[string][]string{
		"listening\n  on port 1  \n" + next:                          {"?listening", "?  on port 1  ", got},
		"loading Content-Length: 7\r\nContent-Type: x\r\n\r\n" + got: {"?loading ", got},
		"sent Content-Length: 9\ncontent too\n" + next:               {"?sent Content-Length: 9", "?content too", got},
		"listening" + next:                                            {"?listening", got},
		next + "bye\n" + next + "\n" + next:                           {got, "?bye", got, got},
		"\x00\xff\n" + next:                                           {"?\x00\xff", got},
		"Content-Length: -1\r\n\r\n{}" + next:                         {"?Content-Length: -1", "?{}", got},
		"Content-Length: +2\r\n\r\n{}" + next:                         {"?Content-Length: +2", "?{}", got},
		"Content-Length: two\r\n\r\n{}\r\n" + next:                    {"?Content-Length: two", "?{}", got},
		"Content-Length:\r\n\r\n{}\r\n" + next:                        {"?Content-Length:", "?{}", got},
		"Content-Length: 99999999999999999999\r\n\r\n{}" + next:       {"?Content-Length: 99999999999999999999", "?{}", got},
		"Content-Type: x\r\n\r\n{}" + next:                            {"?{}", got},
		"Content-Length: 0\r\n\r\n" + next:                            {got},
		"Content-Length: 3\r\n\r\n \n " + next:                        {got},
		"Content-Length: 7\r\nwarning: slow\r\n\r\n" + got + next:     {"?warning: slow", got, got},
		"Content-Length: 2\r\n\r\n" + got + next:                      {`{"`, `?n":1}`, got}, // announced too little
		"sent Content-Length: 9\n\nmore\n" + next:                     {"?sent Content-Length: 9", "?more", got},
		"the header is Content-Length: 9\n" + next:                    {"?the header is Content-Length: 9", got},
		"Content-Lengthy: 9\nXContent-Length: 7\n\n" + next:           {"?Content-Lengthy: 9", "?XContent-Length: 7", got},
		strings.Repeat("x", lineLimit+1) + next:                       {"!xxxxxxxx", got},
		strings.Repeat("x", lineLimit+1) + "\n" + next:                {"!xxxxxxxx", got},
		"Content-Length: 51\r\n\r\n" + strings.Repeat("y", 51) + next: {"!yyyyyyyy", got},
		next + "Content-Length: 99\r\n\r\ncut off":                    {got},
		next + "Content-Length: 20\r\n\r\ncut off":                    {got},
		next + "Content-Length: 20\r\nContent-":                       {got},
		next + "cut off":                                              {got},
	} {
		for _, r := range []io.Reader{strings.NewReader(stream), iotest.OneByteReader(strings.NewReader(stream))} {
			if frames, err := readBodies(r, 50); !slices.Equal(frames, want) || !errors.Is(err, io.EOF) {
				t.Errorf("%q: %q, want %q; %v", stream, frames, want, err)
			}
		}
	}
}

func TestWhatIsKeptOfABodyThatIsTooLargeNamesItsCall(t *testing.T) {
	filler := strings.Repeat("a", 1<<20)
	for _, message := range []string{
		`{"jsonrpc":"2.0","id":77,"result":"` + filler + `"}`,
		`{"jsonrpc":"2.0","result":"` + filler + `","id":77}`,
		"{\n  \"jsonrpc\": \"2.0\",\n  \"result\": \"" + filler + "\",\n  \"id\": 77\n}",
	} {
		kept, err := newBodyReader(strings.NewReader(framed(message)), 1000).next()
		var tooLarge *tooLargeError
		id, ok := CutCallID(kept)
		if !errors.As(err, &tooLarge) || !ok || id != 77 || len(kept) > cutHead+len(cutMark)+cutTail {
			t.Errorf("%.50s: %d %v, %d bytes kept, %v", message, id, ok, len(kept), err)
		}
	}
}

func TestNoHeaderOrBodyTakesMoreMemoryThanTheLimit(t *testing.T) {
	const size, limit = 1 << 28, 1 << 20
	a := func() io.Reader { return io.LimitReader(&endless{line: bytes.Repeat([]byte("a"), 1<<20)}, size) }
	headers := func() io.Reader {
		return strings.NewReader(strings.Repeat("Content-Length: 268435456\r\n", 1<<20))
	}
	for name, c := range map[string]struct {
		stream io.Reader
		want   []string
	}{
		"a body":          {io.MultiReader(strings.NewReader("Content-Length: 268435456\r\n\r\n"), a()), []string{"!aaaaaaaa", "{}"}},
		"a line":          {io.MultiReader(a(), strings.NewReader("\n")), []string{"!aaaaaaaa", "{}"}},
		"a header line":   {io.MultiReader(strings.NewReader("Content-Length: 5"), a(), strings.NewReader("\n")), []string{"!Content-", "{}"}},
		"headers":         {headers(), []string{"{}"}},
		"a length unkept": {strings.NewReader("Content-Length: 1048576\r\n\r\n"), nil},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		frames, err := readBodies(io.MultiReader(c.stream, strings.NewReader(framed("{}"))), limit)
		runtime.ReadMemStats(&after)
		if !slices.Equal(frames, c.want) || !errors.Is(err, io.EOF) {
			t.Errorf("%s: %.50q %v", name, frames, err)
		}
		most := uint64(100 << 20) // freed at once, and mostly the tail's
		if c.want == nil {
			most = 4 * readBuffer
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > most {
			t.Errorf("%s: %d bytes allocated", name, allocated)
		}
	}
}

func TestABodyHasNoSlack(t *testing.T) {
	for _, size := range []int{1, 100, readBuffer - 1, readBuffer, 5 * readBuffer, 1 << 20} {
		body, err := newBodyReader(strings.NewReader(framed(strings.Repeat("a", size))), 1<<20).next()
		if err != nil || len(body) != size || cap(body) > size+size/4+64 {
			t.Errorf("%d bytes: len %d cap %d %v", size, len(body), cap(body), err)
		}
	}
}

func TestAConnSpeaksContentLengthBothWays(t *testing.T) {
	here, there := unixPair(t)
	type frame struct {
		call uint64
		size int
	}
	var told []frame
	stray := newStrays()
	o := Options{Framing: ContentLength, MaxMessageSize: 1 << 20}
	server := NewConn(there, HandlerFunc(echo), o)
	defer server.Close()
	o.Framed = func(call uint64, size int) { told = append(told, frame{call, size}) }
	o.Stray = stray.add
	client := NewConn(here, HandlerFunc(ignore), o)
	defer client.Close()
	for _, params := range []string{`[1]`, "[\n 1e400,\r\n\"ü\" ]", `["` + strings.Repeat("x", 1<<19) + `"]`} {
		r, err := client.CallRaw(t.Context(), "m", []byte(params), nil)
		if want := strings.NewReplacer("\n", "", "\r", "").Replace(params); err != nil || string(r.Result) != want {
			t.Errorf("%.50q: %.50q %v", params, r.Result, err)
		}
	}
	if err := client.Notify("n", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CallRaw(t.Context(), "m", []byte(`["`+strings.Repeat("x", 1<<20)+`"]`), nil); err == nil {
		t.Error("a message over the limit was sent")
	}
	first := framed(`{"jsonrpc":"2.0","id":1,"method":"m","params":[1]}`)
	if len(told) != 4 || told[0] != (frame{1, len(first)}) || told[1].call != 2 || told[2].call != 3 || told[3].call != 0 {
		t.Errorf("frames told: %v", told)
	}
}

func TestALineOutsideOfAFrameIsStrayEvenIfItIsAMessage(t *testing.T) {
	stray := newStrays()
	_, p := connect(t, Options{Framing: ContentLength, Stray: stray.add}, echo)
	p.send("starting", `{"jsonrpc":"2.0","id":1,"method":"m"}`, `{"jsonrpc":"2.0","id":1,"result":1}`)
	for _, want := range []string{"starting", `{"jsonrpc":"2.0","id":1,"method":"m"}`, `{"jsonrpc":"2.0","id":1,"result":1}`} {
		if got := stray.next(t); got != want+" | text outside of a frame" {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	request := framed(`{"jsonrpc":"2.0","id":2,"method":"m"}`)
	if _, err := p.Write([]byte("Content-Type: x\r\n" + request)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, len(framed(`{"jsonrpc":"2.0","id":2,"result":null}`)))
	if _, err := io.ReadFull(p, answer); err != nil || string(answer) != framed(`{"jsonrpc":"2.0","id":2,"result":null}`) {
		t.Errorf("answer %q %v", answer, err)
	}
}

// FuzzBodyReader sends arbitrary bytes: how they come changes nothing, and if they announce no length the next frame is found.
func FuzzBodyReader(f *testing.F) {
	for _, seed := range []string{
		"text\n" + framed("{}"), "text" + framed("{}"), framed("{}") + framed("[]") + framed("  "), "Content-Length: 9999\r\n\r\nxx",
		"Content-Length: -1\r\n\r\nxx\nContent-Type: a\r\n\r\n", "a Content-Length: 3\n\n{}x\n\nContent-Length: 18446744073709551616\n\n{",
		"content-length:1\ncontent-length:2\n\n{}", "\r\n\r\n\r\n", strings.Repeat("x", 100) + framed("{}"),
	} {
		f.Add([]byte(seed), uint16(8), uint16(0))
		f.Add([]byte(seed), uint16(60), uint16(2))
	}
	f.Fuzz(func(t *testing.T, data []byte, limit, chunk uint16) {
		const repeat = readBuffer / 16 // lines and bodies longer than the read buffer
		const last = `{"jsonrpc":"2.0"}`
		most := max(int(limit), len(last))
		for _, stream := range [][]byte{data, bytes.ReplaceAll(data, []byte("x"), bytes.Repeat([]byte("x"), repeat))} {
			if len(stream) > 1<<20 {
				return
			}
			stream = append(bytes.Clone(stream), "\n"+framed(last)...)
			want, err := readBodies(bytes.NewReader(stream), most)
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			got, err := readBodies(&chunks{b: stream, size: int(chunk)}, most)
			if !errors.Is(err, io.EOF) || !slices.Equal(got, want) {
				t.Fatalf("%.200q, at once %.200q; %v", got, want, err)
			}
			if announces(data) || len(want) > 0 && want[len(want)-1] == last {
				continue
			}
			t.Fatalf("the last frame was not found: %.200q", want)
		}
	})
}

// announces says whether data may announce a length.
func announces(data []byte) bool {
	return bytes.Contains(bytes.ToLower(data), []byte("content-length"))
}
