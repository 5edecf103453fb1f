package supervisor

import "fmt"

// State is where a worker stands.
type State string

// The states of a worker.
const (
	Created    State = "created"    // no process
	Forking    State = "forking"    // process started, not ready
	Processing State = "processing" // takes calls
	Flushing   State = "flushing"   // takes no more calls, finishes those it has
	Dying      State = "dying"      // told to exit
	Destroying State = "destroying" // killed, not yet reaped
)

var states = []State{Created, Forking, Processing, Flushing, Dying, Destroying}

// trigger is something that happens to a worker.
type trigger string

const (
	onFork    trigger = "fork"    // the pool wants a process
	onReady   trigger = "ready"   // the process answered $/initialize
	onStop    trigger = "stop"    // the pool wants it to end when its calls are done
	onFlushed trigger = "flushed" // no call is left
	onAbandon trigger = "abandon" // the drain took too long
	onOverdue trigger = "overdue" // the time that the state allows has passed
	onFault   trigger = "fault"   // a call is stuck or the wire is broken
	onKill    trigger = "kill"    // the pool wants it gone now
	onExited  trigger = "exited"  // the process has been reaped, or could not start
)

var triggers = []trigger{onFork, onReady, onStop, onFlushed, onAbandon, onOverdue, onFault, onKill, onExited}

// effect is what a worker has to do on the way into its next state, in order.
type effect string

const (
	spawn    effect = "spawn"    // start a process
	announce effect = "announce" // tell the pool that slots are free
	putBack  effect = "put back" // end the calls in flight as interrupted
	shutdown effect = "shutdown" // send $/shutdown and close stdin; SIGTERM follows
	kill     effect = "kill"     // SIGKILL the process group
	settle   effect = "settle"   // end the calls that died with the process
	report   effect = "report"   // tell the pool that the process is gone
)

type transition struct {
	to      State
	effects []effect
}

// machine holds every transition there is. A pair that is missing cannot happen.
var machine = map[State]map[trigger]transition{
	Created: {
		onFork:    {Forking, []effect{spawn}},
		onStop:    {Created, []effect{report}},
		onAbandon: {Created, []effect{report}},
		onKill:    {Created, []effect{report}},
	},
	Forking: {
		onReady:   {Processing, []effect{announce}},
		onStop:    {Dying, []effect{shutdown}},
		onAbandon: {Dying, []effect{shutdown}},
		onOverdue: {Destroying, []effect{kill}},
		onFault:   {Destroying, []effect{kill}},
		onKill:    {Destroying, []effect{kill}},
		onExited:  {Created, []effect{report}},
	},
	Processing: {
		onStop:    {Flushing, nil},
		onAbandon: {Dying, []effect{putBack, shutdown}},
		onFault:   {Destroying, []effect{kill}},
		onKill:    {Destroying, []effect{putBack, kill}},
		onExited:  {Created, []effect{settle, report}},
	},
	Flushing: {
		onStop:    {Flushing, nil},
		onFlushed: {Dying, []effect{shutdown}},
		onAbandon: {Dying, []effect{putBack, shutdown}},
		onFault:   {Destroying, []effect{kill}},
		onKill:    {Destroying, []effect{putBack, kill}},
		onExited:  {Created, []effect{settle, report}},
	},
	Dying: {
		onStop:    {Dying, nil},
		onAbandon: {Dying, nil},
		onOverdue: {Destroying, []effect{kill}},
		onFault:   {Destroying, []effect{kill}},
		onKill:    {Destroying, []effect{kill}},
		onExited:  {Created, []effect{report}},
	},
	Destroying: {
		onStop:    {Destroying, nil},
		onAbandon: {Destroying, nil},
		onFault:   {Destroying, nil},
		onKill:    {Destroying, []effect{putBack}},
		onExited:  {Created, []effect{settle, report}},
	},
}

// next is the worker's state machine: no clock, no I/O. An error is a defect of the caller; the state stays.
func next(s State, t trigger) (State, []effect, error) {
	if tr, ok := machine[s][t]; ok {
		return tr.to, tr.effects, nil
	}
	return s, nil, fmt.Errorf("a worker that is %s cannot take %q", s, t)
}
