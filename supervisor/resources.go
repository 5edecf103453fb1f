package supervisor

import (
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// cpuSample is the CPU time of a process tree at one look.
type cpuSample struct {
	at      time.Time
	taken   time.Duration
	percent float64 // over the time before; 0 at the process's start
}

// shortestLook is the least time that a percentage covers: the system counts in hundredths of a second.
const shortestLook = time.Second

// next is the sample of a later look. One that comes too soon gives the percentage of the look before, or of the time since start.
func (s cpuSample) next(now time.Time, taken time.Duration, start time.Time) cpuSample {
	since := now.Sub(s.at)
	if since < shortestLook {
		if age := now.Sub(start); s.at.Equal(start) && age > 0 {
			s.percent = percentOf(taken, age)
		}
		return s
	}
	return cpuSample{at: now, taken: taken, percent: percentOf(taken-s.taken, since)}
}

// percentOf gives hundredths of one core, without more digits than mean something. The time that a tree has taken falls when one of
// its processes ends that nobody there waits for.
func percentOf(taken, of time.Duration) float64 {
	return float64(int64(max(0, taken)*1000/of)) / 10
}

// addUsage measures what the processes of workers use. That reads the system's table of processes, once and without the pool's lock.
func (p *Pool) addUsage(workers []jsonrpc.Worker) {
	var pids []int
	for i := range workers {
		if workers[i].PID != 0 {
			pids = append(pids, workers[i].PID)
		}
	}
	trees := usage(pids)
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	seats := make(map[int]*seat, len(p.seats))
	for _, w := range p.seats {
		seats[w.seat.pid] = &w.seat
	}
	for i := range workers {
		tree, measured := trees[workers[i].PID]
		s := seats[workers[i].PID]
		if !measured || s == nil { // it has ended meanwhile
			continue
		}
		s.cpu = s.cpu.next(now, tree.cpu, s.startedAt)
		ms, percent := tree.cpu.Milliseconds(), s.cpu.percent
		workers[i].Processes, workers[i].RSSBytes, workers[i].CPUMs, workers[i].CPUPercent = tree.processes, tree.rss, &ms, &percent
	}
}

// noteExit counts and keeps how a worker's process ended, if it had one; mu is held, by the worker's own goroutine.
func (p *Pool) noteExit(w *worker) {
	if w.seat.pid == 0 {
		return
	}
	p.count(w, tally{ExitCount: 1})
	p.metrics.Exited(w.endReason)
	w.seat.lastExit = &jsonrpc.WorkerExit{
		At: jsonrpc.Time{Time: time.Now()}, PID: w.seat.pid, ExitCode: w.lastExit.code, Signal: w.lastExit.signal, Reason: w.endReason,
	}
}
