package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestAReadFromWhichNothingComesIsCalledOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	silent, end := io.Pipe()
	defer end.Close()
	read := make(chan error, 1)
	go func() {
		_, err := (&callOffReader{ctx, silent}).Read(make([]byte, 10))
		read <- err
	}()
	cancel()
	if err := <-read; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	text, err := io.ReadAll(&callOffReader{t.Context(), strings.NewReader("all of it")})
	if err != nil || string(text) != "all of it" {
		t.Errorf("%q, %v", text, err)
	}
}
