package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// submitted is the answer to a chunk.
type submitted struct {
	ids []int64
	err error
}

func submitBatch(c *console, cc *cli.Context, flags jsonrpc.SubmitParams) error {
	b := batch{name: cc.String("batch"), in: c.in, flags: flags}
	total := int64(0)
	if b.name == "-" {
		b.name = "standard input"
	} else {
		file, err := os.Open(b.name)
		if err != nil {
			return misuse("", "read the batch: %w", err)
		}
		defer file.Close()
		b.in = file
		info, err := file.Stat()
		if err != nil {
			return fmt.Errorf("read the batch: %w", err)
		}
		if info.IsDir() {
			return misuse("--batch wants a file of jobs, one a line", "%s is a folder", b.name)
		}
		if b.file = info.Mode().IsRegular(); b.file { // all of it can be checked first
			if total, err = b.check(); err != nil {
				return err
			}
			if _, err := file.Seek(0, io.SeekStart); err != nil {
				return fmt.Errorf("read the batch: %w", err)
			}
		}
	}
	return c.withClient(cc, func(ctx context.Context, client *whipper.Client) error {
		keep := cc.Bool("wait") || cc.Bool("json")
		ids, err := b.submit(ctx, c, client, total, keep, !cc.Bool("json"))
		if err == nil && b.submitted == 0 {
			c.say("whipper: no job in %s", b.name)
		}
		result := batchResult{IDs: ids}
		if err == nil && cc.Bool("wait") {
			result.summary, err = c.awaitBatch(ctx, client, ids)
		}
		if cc.Bool("json") {
			if e := c.printJSON(result); e != nil {
				return e
			}
		}
		return err
	})
}

// batchResult is what submit --batch --json prints.
type batchResult struct {
	IDs []int64 `json:"ids"`
	*summary
}

// submit submits all jobs, several chunks at a time, and prints their ids in the order of the lines. It returns the ids
// if keep. What comes before a bad line is submitted; after a refused chunk nothing more is begun.
func (b *batch) submit(ctx context.Context, c *console, client *whipper.Client, total int64, keep, print bool) ([]int64, error) {
	bar := newProgress(c.err, "submitted", total)
	defer bar.stop()
	producing, stop := context.WithCancel(ctx)
	defer stop()
	inFlight := make(chan *chunk, chunksInFlight-1) // one more is with this function
	end := make(chan error, 1)
	// It outlives a Ctrl-C while it reads standard input, and ends with the process: a read cannot be called off.
	go func() {
		end <- b.chunks(func(part *chunk) error {
			part.done = make(chan submitted, 1)
			select {
			case inFlight <- part:
			case <-producing.Done():
				return producing.Err()
			}
			go func() {
				r, err := client.SubmitBatch(ctx, jsonrpc.SubmitBatchParams{Jobs: part.jobs})
				part.done <- submitted{r.IDs, err}
			}()
			return nil
		})
		close(inFlight)
	}()
	ids := []int64{}
	var fault error
	for part := range untilDone(ctx, inFlight) {
		r := <-part.done
		if r.err != nil {
			stop()
			if fault == nil {
				fault = fmt.Errorf("not submitted: %s of %s: %w", part, b.name, r.err)
			}
			continue
		}
		b.submitted += len(r.ids)
		bar.add(len(r.ids))
		if keep {
			ids = append(ids, r.ids...)
		}
		if print {
			if err := printIDs(c.out, r.ids); err != nil && fault == nil {
				stop()
				fault = fmt.Errorf("print ids: %w", err)
			}
		}
	}
	switch {
	case ctx.Err() != nil:
		fault = ctx.Err()
	case fault == nil:
		fault = <-end
	}
	if fault == nil {
		return ids, nil
	}
	f := explain(fault)
	done := plural(b.submitted, "job") + " submitted, the ids are printed"
	if b.submitted == 0 {
		done = nothingSubmitted
	}
	return ids, &failure{Err: f.Err, Code: f.Code, Hint: joinHints(f.Hint, done)}
}

// untilDone receives from c until it is closed or ctx ends.
func untilDone[T any](ctx context.Context, c <-chan T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for {
			select {
			case v, ok := <-c:
				if !ok || !yield(v) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

func printIDs(w io.Writer, ids []int64) error {
	text := make([]byte, 0, 8*len(ids))
	for _, id := range ids {
		text = append(strconv.AppendInt(text, id, 10), '\n')
	}
	_, err := w.Write(text)
	return err
}

func joinHints(a, b string) string {
	if a == "" {
		return b
	}
	return a + "\n" + b
}
