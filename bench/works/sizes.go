package works

import "time"

// pipeline is how many calls a worker gets at once where throughput is measured.
const pipeline = 32

// depth is how many calls a client has under way at once where invoke's throughput is measured.
const depth = 256

// Sizes are how much is measured.
type Sizes struct {
	Name      string
	turns     int           // of what takes a few seconds
	slowTurns int           // of what takes longer
	jobs      int           // durable, in one turn
	peerJobs  int           // durable or submitted, of a peer: some do a thousand a second
	submits   int           // single ones
	calls     int           // with depth under way
	trips     int           // one after the other
	payloads  int           // calls with 1 MiB
	burns     int           // calls that keep a processor busy
	backlog   int           // queued jobs
	history   []int64       // finished jobs, rising; listings at the first
	left      int           // queued and running jobs that a killed process leaves; as many show the size of the file
	starts    int           // processes that are started in one turn
	idle      time.Duration // how long an idle supervisor is watched
	idlers    []int         // its workers
}

// Full takes about 20 minutes on two cores.
var Full = Sizes{
	Name: "full", turns: 5, slowTurns: 3, jobs: 100_000, peerJobs: 10_000, submits: 50_000, calls: 40_000, trips: 3000, payloads: 400, burns: 2000,
	backlog: 1_000_000, history: []int64{1_000_000, 5_000_000}, left: 100_000, starts: 5, idle: 20 * time.Second, idlers: []int{1, 10, 100},
}

// Quick is large enough to find what does not work, and too small for figures.
var Quick = Sizes{
	Name: "quick", turns: 1, slowTurns: 1, jobs: 4000, peerJobs: 500, submits: 2000, calls: 4000, trips: 200, payloads: 20, burns: 100,
	backlog: 10_000, history: []int64{2000, 4000}, left: 1000, starts: 1, idle: time.Second, idlers: []int{1, 4},
}

// WithTurns is the sizes with so many turns of everything.
func (s Sizes) WithTurns(n int) Sizes {
	s.turns, s.slowTurns = n, n
	return s
}
