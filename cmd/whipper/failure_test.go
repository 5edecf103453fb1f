package main

import (
	"bytes"
	"errors"
	"testing"
)

func TestLinesOfAnErrorAfterTheFirstAreIndented(t *testing.T) {
	var stderr bytes.Buffer
	c := &console{err: &stderr}
	code := c.report(errors.Join(errors.New("one\n  deeper"), errors.New("two")))
	if want := "whipper: one\n  deeper\n  two\n"; stderr.String() != want || code != exitFailed {
		t.Errorf("exit code %d, said %q, want %q", code, stderr.String(), want)
	}
}
