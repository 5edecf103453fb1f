package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/whipper-sidecar/whipper/internal/config"
	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/server"
)

// parseJob reads one line of a batch.
func parseJob(line []byte) (jsonrpc.SubmitParams, *fault) {
	var job jsonrpc.SubmitParams
	if line[0] != '{' { // the caller has trimmed it
		if f := jsonFault(string(line)); f != nil {
			return job, f
		}
		return job, &fault{"a JSON object is wanted", 0}
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields() // for backoff's; unknownMember sees the outermost only
	if err := d.Decode(&job); err != nil {
		return job, decodeFault(line, err)
	}
	if end := int(d.InputOffset()); end < len(line) {
		return job, &fault{"more than one JSON value in the line", end}
	}
	if !utf8.Valid(line) {
		return job, jsonFault(string(line))
	}
	if f := unknownMember(line); f != nil {
		return job, f
	}
	return job, jobFault(line, &job)
}

// decodeFault finds the place of an error in decoding line.
func decodeFault(line []byte, err error) *fault {
	if f := jsonFault(string(line)); f != nil {
		return f
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) && kind.Field != "" {
		return &fault{fmt.Sprintf("%s: %s given, %s wanted", kind.Field, kind.Value, jsonrpc.KindName(kind.Type)), max(0, int(kind.Offset)-1)}
	}
	if f := unknownMember(line); f != nil {
		return f
	}
	return &fault{strings.TrimPrefix(err.Error(), "json: "), 0}
}

// jobMembers are those that a job may have.
var jobMembers = memberNames(reflect.TypeFor[jsonrpc.SubmitParams]())

// unknownMember finds a member that no job has, by its exact spelling, which encoding/json does not look at.
func unknownMember(line []byte) *fault {
	for at, quoted := range members(line) {
		if slices.ContainsFunc(jobMembers, func(known string) bool { return string(quoted[1:len(quoted)-1]) == known }) {
			continue
		}
		var name string
		if json.Unmarshal(quoted, &name) != nil || slices.Contains(jobMembers, name) {
			continue
		}
		why := fmt.Sprintf("unknown member %q", name)
		if near := config.Nearest(name, jobMembers); near != "" {
			why += fmt.Sprintf(", did you mean %q?", near)
		}
		return &fault{why, at}
	}
	return nil
}

// members gives the names of an object's members, quoted and escaped as they are, with their places. object must be a JSON object.
func members(object []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		depth, named := 0, false
		for i := 0; i < len(object); i++ {
			switch object[i] {
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			case ',':
				named = named && depth > 1
			case '"':
				start := i
				for i++; object[i] != '"'; i++ {
					if object[i] == '\\' {
						i++
					}
				}
				if named || depth > 1 {
					continue
				}
				named = true
				if !yield(start, object[start:i+1]) {
					return
				}
			}
		}
	}
}

// deepestParams is how many levels a line's params may nest: there are four around them in the message that brings a batch.
const deepestParams = jsonrpc.MaxDepth - 4

// jobFault checks what the supervisor would refuse.
func jobFault(line []byte, job *jsonrpc.SubmitParams) *fault {
	at := func(member string) int { return max(0, bytes.Index(line, []byte(`"`+member+`"`))) }
	switch {
	case job.Method == "":
		return &fault{`"method" is missing`, 0}
	case strings.HasPrefix(job.Method, "$/"):
		return &fault{`"method" begins with "$/", which only whipper's own messages do`, at("method")}
	case job.Params != nil && job.Params[0] != '[' && job.Params[0] != '{':
		return &fault{`"params" is neither an array nor an object`, at("params")}
	case jsonrpc.Depth(job.Params) > deepestParams:
		return &fault{fmt.Sprintf(`"params" is nested deeper than %d levels`, deepestParams), at("params")}
	case checkPriority(job.Priority) != "":
		return &fault{`"priority" ` + checkPriority(job.Priority), at("priority")}
	case job.RunAt != nil && job.DelayMs != 0:
		return &fault{`"runAt" and "delayMs" cannot be combined`, at("runAt")}
	case job.TimeoutMs < 0:
		return &fault{`"timeoutMs" is negative`, at("timeoutMs")}
	case job.DelayMs < 0:
		return &fault{`"delayMs" is negative`, at("delayMs")}
	case job.MaxAttempts < 0:
		return &fault{`"maxAttempts" is negative`, at("maxAttempts")}
	case len(job.ConcurrencyKey) > ledger.MaxConcurrencyKey:
		return &fault{fmt.Sprintf(`"concurrencyKey" has %d bytes, and may have %d`, len(job.ConcurrencyKey), ledger.MaxConcurrencyKey), at("concurrencyKey")}
	case job.Delivery != "" && job.Delivery != string(ledger.AtLeastOnce) && job.Delivery != string(ledger.AtMostOnce):
		return &fault{fmt.Sprintf(`"delivery" is neither %q nor %q`, ledger.AtLeastOnce, ledger.AtMostOnce), at("delivery")}
	}
	if err := server.CheckSubmit("", *job); err != nil {
		why := strings.TrimPrefix(err.Error(), "invalid params: ")
		return &fault{why, at(why[:max(0, strings.IndexAny(why, ".:"))])} // it begins with the member
	}
	return nil
}

// fillIn sets what a line leaves open to what the flags say.
func fillIn(job *jsonrpc.SubmitParams, flags *jsonrpc.SubmitParams) {
	if job.RunAt == nil && job.DelayMs == 0 {
		job.RunAt, job.DelayMs = flags.RunAt, flags.DelayMs
	}
	fill(&job.Pool, flags.Pool)
	fill(&job.TimeoutMs, flags.TimeoutMs)
	fill(&job.Priority, flags.Priority)
	fill(&job.MaxAttempts, flags.MaxAttempts)
	fill(&job.Backoff, flags.Backoff)
	fill(&job.ExpiresAt, flags.ExpiresAt)
	fill(&job.Delivery, flags.Delivery)
	fill(&job.ConcurrencyKey, flags.ConcurrencyKey)
	for name, value := range flags.Labels {
		if _, ok := job.Labels[name]; !ok {
			if job.Labels == nil {
				job.Labels = map[string]string{}
			}
			job.Labels[name] = value
		}
	}
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// memberNames are the JSON members of a struct, those of embedded structs included.
func memberNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			names = append(names, memberNames(f.Type)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}
