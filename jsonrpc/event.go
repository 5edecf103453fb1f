package jsonrpc

import (
	"encoding/json"
	"strings"
)

// Types of events. A change of a worker's state or working status is one event with two names: the second name, which ends in
// what the worker has become, is for those who ask for it.
const (
	EventPoolAvailable     = "worker:pool:available"         // at least one worker can take calls
	EventPoolUnavailable   = "worker:pool:unavailable"       // none can
	EventProcessCreated    = "worker:process:created"        // a process was started
	EventProcessExited     = "worker:process:exited"         // it was reaped
	EventStateChanged      = "worker:state:changed"          // also worker:state:<state>
	EventStatusChanged     = "worker:working-status:changed" // also worker:working-status:<status>
	EventInactivityTimeout = "worker:inactivity-timeout"     // a worker ends because it had nothing to do
	EventAtCapacityDropped = "at-capacity:dropped"           // a call was dropped because no slot was free
	EventAtCapacityError   = "at-capacity:error"             // a call was refused for that reason
	EventJobQueued         = "job:queued"                    // a job was submitted, or a call must wait
	EventJobStarted        = "job:started"                   // a worker has it
	EventJobProgress       = "job:progress"                  // its worker says how far it is
	EventJobSucceeded      = "job:succeeded"                 // this and the following come after their commit
	EventJobFailed         = "job:failed"
	EventJobRetrying       = "job:retrying" // a run has ended, and another will follow
	EventJobCancelled      = "job:cancelled"
	EventJobDropped        = "job:dropped"
)

// Beginnings of the second names.
const (
	eventState  = "worker:state:"
	eventStatus = "worker:working-status:"
)

// EventTypes are all types there are, but for second names.
var EventTypes = []string{
	EventPoolAvailable, EventPoolUnavailable, EventProcessCreated, EventProcessExited, EventStateChanged, EventStatusChanged,
	EventInactivityTimeout, EventAtCapacityDropped, EventAtCapacityError, EventJobQueued, EventJobStarted, EventJobProgress,
	EventJobSucceeded, EventJobFailed, EventJobRetrying, EventJobCancelled, EventJobDropped,
}

// EventSecondNames are the names under which changes of state and of working status can be asked for one by one.
var EventSecondNames = []string{
	eventState + "created", eventState + "forking", eventState + "processing", eventState + "flushing", eventState + "dying",
	eventState + "destroying", eventStatus + "idle", eventStatus + "busy", eventStatus + "atCapacity",
}

// SecondName is the other name of a change of a worker's state or working status to to, or "" for any other event.
func SecondName(eventType, to string) string {
	switch eventType {
	case EventStateChanged:
		return eventState + to
	case EventStatusChanged:
		return eventStatus + to
	}
	return ""
}

// InEventGroup says whether an event type belongs to a group, which is all types that begin with its name and a colon: "job",
// "worker", "worker:process".
func InEventGroup(eventType, group string) bool {
	return strings.HasPrefix(eventType, group) && strings.HasPrefix(eventType[len(group):], ":")
}

// Event is the params of an event notification: one thing that happened.
type Event struct {
	Subscription int64  `json:"subscription,omitempty"` // the one that it is for, of the connection's
	Type         string `json:"type"`
	At           Time   `json:"at"`
	Lost         int64  `json:"lost,omitempty"` // how many events before this one the subscriber was too slow for
	Pool         string `json:"pool"`

	Worker *EventWorker `json:"worker,omitempty"` // worker:…, but for worker:pool:unavailable
	From   string       `json:"from,omitempty"`   // of a change: the state or status before
	To     string       `json:"to,omitempty"`     // and after

	Reason     string `json:"reason,omitempty"`     // why a process ended, or a pool is unavailable
	ExitCode   *int   `json:"exitCode,omitempty"`   // of a process that exited by itself
	Signal     string `json:"signal,omitempty"`     // that ended it, as SIGKILL
	StderrTail string `json:"stderrTail,omitempty"` // the last it printed

	Method string `json:"method,omitempty"` // at-capacity:…

	Job      *EventJob       `json:"job,omitempty"`      // job:…
	Progress json.RawMessage `json:"progress,omitempty"` // job:progress, unless it is large
}

// EventWorker is a worker and its process as they are when the event happens.
type EventWorker struct {
	ID            string      `json:"id"`
	PID           int         `json:"pid,omitempty"`
	State         string      `json:"state"`
	WorkingStatus string      `json:"workingStatus"`
	Stats         WorkerStats `json:"stats"`
}

// EventJob is a job as events show it: without params and result.
type EventJob struct {
	ID          int64       `json:"id"`
	Method      string      `json:"method"`
	State       string      `json:"state"`
	Attempt     int         `json:"attempt"` // attempts charged, the running one included
	MaxAttempts int         `json:"maxAttempts"`
	Origin      string      `json:"origin"` // submit or invoke
	CreatedAt   Time        `json:"createdAt"`
	RunAt       Time        `json:"runAt"`
	StartedAt   *Time       `json:"startedAt,omitempty"`
	FinishedAt  *Time       `json:"finishedAt,omitempty"`
	WaitMs      *int64      `json:"waitMs,omitempty"`
	RunMs       *int64      `json:"runMs,omitempty"`
	Worker      string      `json:"worker,omitempty"`  // of its last run
	PID         int         `json:"pid,omitempty"`     // of its last run
	Outcome     string      `json:"outcome,omitempty"` // of the run that has ended
	Error       *EventError `json:"error,omitempty"`
	ErrorSource string      `json:"errorSource,omitempty"`
}

// EventError is an error without its data.
type EventError struct {
	Code    int64  `json:"code"`
	Type    string `json:"type,omitempty"`
	Message string `json:"message"` // cut if it is long
}

// SubscribeParams is the params of event.subscribe. A type is one of EventTypes or EventSecondNames, or the name of a group.
type SubscribeParams struct {
	Types []string `json:"types,omitempty"` // none: all of EventTypes
	Pool  string   `json:"pool,omitempty"`  // "": all

	Subscription int64 `json:"subscription,omitempty"` // of the connection's, to be changed: it has these types and this pool from now on
}

// SubscribeResult is the result of event.subscribe, and the params of event.unsubscribe.
type SubscribeResult struct {
	Subscription int64 `json:"subscription"`
}
