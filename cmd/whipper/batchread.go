package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/dustin/go-humanize"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// Limits of submitting a batch, which bound its memory. Each chunk is committed as a whole.
const (
	chunkJobs      = 1000
	chunkBytes     = 1 << 20 // of lines, unless one alone is longer
	chunksInFlight = 4
	longestLine    = jsonrpc.DefaultMaxMessageSize - 1<<10 // there is an envelope around it
)

// batch is a stream of lines, one job each.
type batch struct {
	name  string // for messages
	in    io.Reader
	file  bool                 // in is a regular file: it has no pauses
	flags jsonrpc.SubmitParams // hold for what a line leaves open

	submitted int // jobs
}

const nothingSubmitted = "nothing was submitted"

// chunk is the jobs of some lines, for one pool.
type chunk struct {
	first, last int // numbers of its lines
	bytes       int
	jobs        []jsonrpc.SubmitParams
	done        chan submitted
}

// String names the chunk's lines.
func (c *chunk) String() string {
	if c.first == c.last {
		return fmt.Sprintf("line %d", c.first)
	}
	return fmt.Sprintf("lines %d to %d", c.first, c.last)
}

// check reads all lines and counts their jobs. The error of a bad one names its place.
func (b *batch) check() (jobs int64, err error) {
	err = b.each(func(int, []byte, jsonrpc.SubmitParams) error {
		jobs++
		return nil
	})
	if err != nil {
		f := explain(err)
		f.Hint = nothingSubmitted
		return 0, f
	}
	return jobs, nil
}

// each calls f with every job. The error of a bad line names its place.
func (b *batch) each(f func(number int, line []byte, job jsonrpc.SubmitParams) error) error {
	lines := bufio.NewScanner(b.in)
	lines.Buffer(make([]byte, 64<<10), longestLine)
	number := 0
	for lines.Scan() {
		number++
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		job, fault := parseJob(line)
		if fault != nil {
			column := fault.at + bytes.Index(lines.Bytes(), line) + 1
			return misuse("", "%s:%d:%d: %s", b.name, number, column, fault.why)
		}
		if err := f(number, line, job); err != nil {
			return err
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return misuse("", "%s:%d:1: the line is longer than %s", b.name, number+1, humanize.IBytes(longestLine))
	} else if err != nil {
		return &failure{Err: fmt.Errorf("read %s: %w", b.name, err), Code: exitFailed}
	}
	return nil
}

// chunks cuts the stream into chunks. A bad line ends it, after what came before.
func (b *batch) chunks(f func(*chunk) error) error {
	part := &chunk{}
	flush := func() error {
		if len(part.jobs) == 0 {
			return nil
		}
		full := part
		part = &chunk{}
		return f(full)
	}
	if !b.file {
		b.in = eager{b.in, flush}
	}
	bad := b.each(func(number int, line []byte, job jsonrpc.SubmitParams) error {
		fillIn(&job, &b.flags)
		if n := len(part.jobs); n == chunkJobs || n > 0 && (part.bytes+len(line) > chunkBytes || part.jobs[0].Pool != job.Pool) {
			if err := flush(); err != nil {
				return err
			}
		}
		if len(part.jobs) == 0 {
			part.first = number
		}
		part.last = number
		part.bytes += len(line)
		part.jobs = append(part.jobs, job)
		return nil
	})
	if err := flush(); err != nil {
		return err
	}
	return bad
}

// eager lets nobody wait for a chunk to get full while its reader waits for input.
type eager struct {
	r      io.Reader
	before func() error
}

func (e eager) Read(p []byte) (int, error) {
	if err := e.before(); err != nil {
		return 0, err
	}
	return e.r.Read(p)
}
