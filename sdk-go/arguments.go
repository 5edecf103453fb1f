package whipper

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// arguments are a call's params, taken apart: by position, or by name. Neither: none were given.
type arguments struct {
	list   []json.RawMessage
	byName map[string]json.RawMessage
}

func split(params json.RawMessage) (p arguments, err error) {
	switch {
	case len(params) == 0:
		return p, nil
	case params[0] == '{':
		err = json.Unmarshal(params, &p.byName)
	default:
		err = json.Unmarshal(params, &p.list)
	}
	if err != nil {
		return p, invalidParams("%v", err)
	}
	return p, nil
}

// want tells whether there are as many as are taken.
func (p arguments) want(names []string, count int) error {
	switch {
	case p.byName != nil && len(names) == 0 && (len(p.byName) > 0 || count > 0):
		return invalidParams("this method takes no params by name, only an array")
	case p.byName == nil && len(p.list) != count:
		return invalidParams("%d given, %d wanted%s", len(p.list), count, called(names))
	}
	return nil
}

// into decodes them, one for each target. The names are the targets', or none.
func (p arguments) into(names []string, targets ...any) error {
	if err := p.want(names, len(targets)); err != nil {
		return err
	}
	if p.byName == nil {
		for i, target := range targets {
			if err := decodeParam(p.list[i], position(i), target); err != nil {
				return err
			}
		}
		return nil
	}
	for _, given := range slices.Sorted(maps.Keys(p.byName)) {
		if !slices.Contains(names, given) {
			return invalidParams("unknown param %q%s", given, called(names))
		}
	}
	for i, name := range names {
		raw, ok := p.byName[name]
		if !ok {
			return invalidParams("param %q is missing%s", name, called(names))
		}
		if err := decodeParam(raw, strconv.Quote(name), targets[i]); err != nil {
			return err
		}
	}
	return nil
}

func position(i int) string { return strconv.Itoa(i + 1) }

// decodeParam decodes one of them, which is named where it has a fault.
func decodeParam(raw json.RawMessage, name string, target any) error {
	if out, ok := target.(*json.RawMessage); ok {
		*out = raw
		return nil
	}
	err := json.Unmarshal(raw, target)
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &kind) && kind.Field != "":
		return invalidParams("param %s: %s: %s given, %s wanted", name, kind.Field, kind.Value, jsonrpc.KindName(kind.Type))
	case errors.As(err, &kind):
		return invalidParams("param %s: %s given, %s wanted", name, kind.Value, jsonrpc.KindName(kind.Type))
	}
	return invalidParams("param %s: %v", name, err)
}

func called(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ": " + strings.Join(names, ", ")
}

func invalidParams(format string, args ...any) error {
	return jsonrpc.Errorf(jsonrpc.CodeInvalidParams, "invalid params: %s", fmt.Sprintf(format, args...))
}
