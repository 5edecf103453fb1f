package jsonrpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
)

// DecodeParams decodes by-name params into v, a pointer to a struct. Members that v does not have, in this very spelling, and
// anything that is not an object, are an invalid-params error that names the fault; absent params are an empty object.
func DecodeParams(params json.RawMessage, v any) *Error {
	if len(params) == 0 {
		return nil
	}
	if params[0] != '{' {
		return Errorf(CodeInvalidParams, "invalid params: an object is wanted, by-position params are not accepted")
	}
	if name, ok := unknownMember(reflect.TypeOf(v), params); ok {
		return Errorf(CodeInvalidParams, "invalid params: unknown field %q", name)
	}
	d := json.NewDecoder(bytes.NewReader(params))
	err := d.Decode(v)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		return Errorf(CodeInvalidParams, "invalid params: something follows the object")
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		member := ""
		if kind.Field != "" {
			member = kind.Field + ": "
		}
		return Errorf(CodeInvalidParams, "invalid params: %s%s given, %s wanted", member, kind.Value, KindName(kind.Type))
	}
	return Errorf(CodeInvalidParams, "invalid params: %s", strings.TrimPrefix(err.Error(), "json: "))
}

// KindName names the JSON that a Go type is decoded from, as "integer".
func KindName(t reflect.Type) string {
	if t == reflect.TypeFor[Time]() {
		return "time as in 2026-01-02T15:04:05Z"
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "integer"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "integer of 0 or more"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Pointer:
		return KindName(t.Elem())
	default:
		return "object"
	}
}
