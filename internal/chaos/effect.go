package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// effect is what a run of a task really did: a line that a worker leaves behind.
type effect struct {
	Task    string `json:"task"`
	Job     int64  `json:"job"`
	Attempt int    `json:"attempt"`
	Token   string `json:"token"` // no other run has it
	PID     int    `json:"pid"`
	At      int64  `json:"at"` // nanoseconds since 1970
}

// proof is the result of a task: it names the run that it comes from.
type proof struct {
	Task  string `json:"task"`
	Job   int64  `json:"job"`
	Token string `json:"token"`
}

// leave appends the effect to a file, in one write.
func (e effect) leave(path string) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// readEffects gives what is in the file from an offset on, and where it ends.
func readEffects(path string, from int64) (all []effect, end int64, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, from, nil // nothing has run
	}
	if err != nil {
		return nil, from, err
	}
	defer f.Close() // it was only read
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return nil, from, err
	}
	lines := bufio.NewReader(f)
	for end = from; ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return all, end, nil
		}
		if err != nil {
			return all, end, fmt.Errorf("read %s: %w", path, err)
		}
		var e effect
		if err := json.Unmarshal(line, &e); err != nil {
			return all, end, fmt.Errorf("read %s: line %q: %w", path, line, err)
		}
		end += int64(len(line))
		all = append(all, e)
	}
}
