package jsonrpc

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

func TestAPollReaderWaitsForWhatIsWrittenAndSeesTheEnd(t *testing.T) {
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	r := NewPollReader(out)
	if _, own := r.(*pollReader); !own {
		t.Fatalf("a pipe is read by a %T", r)
	}
	type read struct {
		text string
		err  error
	}
	reads := make(chan read)
	go func() {
		b := make([]byte, 3)
		for {
			n, err := r.Read(b)
			reads <- read{string(b[:n]), err}
			if err != nil {
				return
			}
		}
	}()
	if _, err := io.WriteString(in, "abcd"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"abc", "d"} {
		if got := <-reads; got.text != want || got.err != nil {
			t.Errorf("%q, %v, want %q", got.text, got.err, want)
		}
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-reads; !errors.Is(got.err, io.EOF) {
		t.Errorf("%q, %v, want the end", got.text, got.err)
	}
}

func TestADeadlineAndACloseEndAPollReadersRead(t *testing.T) {
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	r := NewPollReader(out)
	if err := out.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v after the deadline", err)
	}
	if err := out.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := r.Read(make([]byte, 1))
		ended <- err
	}()
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("a closed pipe was read")
	}
}

func TestWhatHasNoDescriptorIsReadAsItIs(t *testing.T) {
	r := strings.NewReader("x")
	if NewPollReader(r) != io.Reader(r) {
		t.Error("it is another reader")
	}
}
