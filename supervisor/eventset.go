package supervisor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// eventNames are all names of events. One's place in it is its bit in an eventSet.
var eventNames = slices.Concat(jsonrpc.EventTypes, jsonrpc.EventSecondNames)

// eventSet is a set of eventNames.
type eventSet uint64

// setOf gives the set of one type, or second name; the empty set for a name that is none.
func setOf(name string) eventSet {
	i := slices.Index(eventNames, name)
	if i < 0 {
		return 0
	}
	return 1 << i
}

// allEvents is what a filter that names no type wants: each event once.
var allEvents = eventSet(1)<<len(jsonrpc.EventTypes) - 1

// UnknownEventError is a filter's type that is neither an event's nor a group's.
type UnknownEventError struct{ Type string }

func (e *UnknownEventError) Error() string {
	text := fmt.Sprintf("%q is neither a type of event nor a group of them; types are %s", e.Type, strings.Join(jsonrpc.EventTypes, ", "))
	if group := strings.TrimRight(e.Type, ":*"); group != e.Type && group != "" {
		if _, err := eventsNamed(group); err == nil {
			return fmt.Sprintf("%q is no type of event; the group of all that begin with it is called %q", e.Type, group)
		}
	}
	return text
}

// eventsNamed gives the set that one name of a filter means: a type, a second name, or a group of types.
func eventsNamed(name string) (eventSet, error) {
	set := setOf(name)
	for _, t := range jsonrpc.EventTypes {
		if jsonrpc.InEventGroup(t, name) {
			set |= setOf(t)
		}
	}
	if set == 0 {
		return 0, &UnknownEventError{name}
	}
	return set, nil
}

// EventFilter is what a subscriber wants to know. The zero value is all.
type EventFilter struct {
	Types []string // types, second names and groups ("job", "worker:process") of events; none: all types
	Pool  string   // "": all
}

// set gives the events that the filter wants, or an *UnknownEventError.
func (f *EventFilter) set() (eventSet, error) {
	if len(f.Types) == 0 {
		return allEvents, nil
	}
	var set eventSet
	for _, name := range f.Types {
		named, err := eventsNamed(name)
		if err != nil {
			return 0, err
		}
		set |= named
	}
	return set, nil
}

// eventType is a type of event and the bits under which it may be asked for.
type eventType struct {
	name string
	bit  eventSet
}

func typeOf(name string) eventType { return eventType{name, setOf(name)} }

// The types of events.
var (
	poolAvailable     = typeOf(jsonrpc.EventPoolAvailable)
	poolUnavailable   = typeOf(jsonrpc.EventPoolUnavailable)
	processCreated    = typeOf(jsonrpc.EventProcessCreated)
	processExited     = typeOf(jsonrpc.EventProcessExited)
	stateChanged      = typeOf(jsonrpc.EventStateChanged)
	statusChanged     = typeOf(jsonrpc.EventStatusChanged)
	inactivityTimeout = typeOf(jsonrpc.EventInactivityTimeout)
	atCapacityDropped = typeOf(jsonrpc.EventAtCapacityDropped)
	atCapacityError   = typeOf(jsonrpc.EventAtCapacityError)
	jobQueued         = typeOf(jsonrpc.EventJobQueued)
	jobStarted        = typeOf(jsonrpc.EventJobStarted)
	jobProgress       = typeOf(jsonrpc.EventJobProgress)
	jobSucceeded      = typeOf(jsonrpc.EventJobSucceeded)
	jobFailed         = typeOf(jsonrpc.EventJobFailed)
	jobRetrying       = typeOf(jsonrpc.EventJobRetrying)
	jobCancelled      = typeOf(jsonrpc.EventJobCancelled)
	jobDropped        = typeOf(jsonrpc.EventJobDropped)
)

// Second names of changes, by what the worker has become.
var (
	stateNames  = secondNames(jsonrpc.EventStateChanged, string(Created), string(Forking), string(Processing), string(Flushing), string(Dying), string(Destroying))
	statusNames = secondNames(jsonrpc.EventStatusChanged, idle, busy, atCapacity)
)

func secondNames(name string, become ...string) map[string]eventType {
	names := map[string]eventType{}
	for _, to := range become {
		names[to] = typeOf(jsonrpc.SecondName(name, to))
	}
	return names
}

// changes are the bits under which a change may be asked for.
func changes(t eventType, second map[string]eventType) eventSet {
	set := t.bit
	for _, s := range second {
		set |= s.bit
	}
	return set
}

var (
	stateChanges  = changes(stateChanged, stateNames)
	statusChanges = changes(statusChanged, statusNames)
)
