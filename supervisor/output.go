package supervisor

import (
	"bufio"
	"bytes"
	"errors"
	"log/slog"
	"time"
	"unicode/utf8"
)

// OutputLine is one line that a worker printed.
type OutputLine struct {
	At     time.Time
	Pool   string
	Worker string // its id, as w1
	PID    int
	Job    int64  // of the one call that the process had when the line came; 0: it had none, or several
	Stream string // stderr, or stdout for a line there that is no message
	Text   []byte // at most MaxOutputLine bytes, without the line's end; any bytes
	Cut    int    // bytes that the line had more
}

// MaxOutputLine is how many bytes of a line are kept; the tail that goes into the ledger has a limit of its own.
const MaxOutputLine = 16 << 10

// The names of a worker's streams.
const (
	streamStdout = "stdout"
	streamStderr = "stderr"
)

// shorten is a line that was printed as a whole, as an OutputLine has it.
func shorten(line []byte) (text []byte, cut int) {
	line = bytes.TrimRight(line, "\r\n")
	if len(line) <= MaxOutputLine {
		return line, 0
	}
	end := MaxOutputLine
	for end > MaxOutputLine-utf8.UTFMax && !utf8.RuneStart(line[end]) { // no character is cut in two
		end--
	}
	return line[:end], len(line) - end
}

// copyStderr hands on what the process prints, line by line, until nobody holds the pipe any more or it is closed. What a line has
// beyond the buffer is counted only.
func (p *process) copyStderr(print func(pid int, stream string, text []byte, cut int)) {
	defer close(p.stderrDone)
	r := bufio.NewReaderSize(p.stderr, MaxOutputLine+utf8.UTFMax)
	var long []byte // the beginning of a line that is longer than the buffer; nil: there is none
	rest := 0       // bytes of it that are not in long
	for {
		piece, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && long == nil:
			text, cut := shorten(piece)
			long, rest = bytes.Clone(text), cut
			continue
		case errors.Is(err, bufio.ErrBufferFull):
			rest += len(piece)
			continue
		case long != nil:
			p.tail.add(long)
			print(p.pid, streamStderr, long, rest+len(bytes.TrimRight(piece, "\r\n")))
			long = nil
		case len(piece) > 0:
			p.tail.add(piece)
			text, cut := shorten(piece)
			print(p.pid, streamStderr, text, cut)
		}
		if err != nil {
			return // io.EOF, or the reader was ended
		}
	}
}

// print hands on one line that a process printed.
func (w *worker) print(pid int, stream string, text []byte, cut int) {
	if out := w.opts.WorkerOutput; out != nil {
		out(OutputLine{At: time.Now(), Pool: w.pool.name, Worker: w.id, PID: pid, Job: w.onlyJob.Load(), Stream: stream, Text: text, Cut: cut})
		return
	}
	attrs := []any{slog.Int("pid", pid), slog.String("stream", stream), slog.String("line", string(text))}
	if job := w.onlyJob.Load(); job != 0 {
		attrs = append(attrs, slog.Int64("job", job))
	}
	if cut > 0 {
		attrs = append(attrs, slog.Int("cut", cut))
	}
	w.log.Info("worker output", attrs...)
}
