package supervisor

import (
	"errors"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// event is what a process's reader, writer and waiter tell the worker. An event of an earlier incarnation is
// ignored.
type event struct {
	incarnation int
	kind        eventKind
	call        *call             // answeredCall, cancelRead
	response    *jsonrpc.Response // answered, greeted
	id          uint64            // unusable
	fault       *jsonrpc.Error    // unusable
	notice      *notice           // notified
	exit        *exit             // exited
	err         error             // broken
}

type eventKind int

const (
	greeted      eventKind = iota // the greeting was answered
	cancelRead                    // the process has read that a call is cancelled, and will not answer it
	parted                        // a request at the end was answered
	answeredCall                  // a call was answered
	unusable                      // an answer was no JSON that can be passed on, or larger than a frame may be
	notified                      // progress was reported
	ponged                        // a ping was answered
	broken                        // stdin cannot be written to, or stdout has ended
	exited                        // the process has been reaped and its pipes read
)

// anybodys says whether any goroutine may take the event.
func (k eventKind) anybodys() bool {
	return k == answeredCall || k == notified || k == cancelRead || k == ponged
}

var errStdoutClosed = errors.New("stdout is closed")

// command is what the pool, the ledger or the timer tells the worker. Commands never wait for room.
type command struct {
	kind  commandKind
	call  *call
	pid   int                 // overweight
	why   string              // stop: as in the event of the process's end; "": shutdown
	err   error               // committed, overweight
	calls chan<- runningCalls // tellCalls
}

type commandKind int

const (
	take       commandKind = iota // run this call
	timerFired                    // something may be due
	cancel                        // ask for this call to be cancelled
	committed                     // the start of this at-most-once call is on disk
	stop                          // finish what you have and end
	abandon                       // put back what you have and end
	destroy                       // put back what you have and die
	forkNow                       // start your next process without waiting any longer
	overweight                    // this process holds more memory than it may
	tellCalls                     // say which calls you have
)
