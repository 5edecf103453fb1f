package jsonrpc

import (
	"bytes"
	"encoding/json"
)

// Encode writes v as JSON without a line end, and leaves the characters of payloads in it as they are: json.Marshal would
// write a worker's "<" as "\u003c".
func Encode(v any) (json.RawMessage, error) {
	if known, ok := v.(appender); ok {
		if b, ok := known.appendTo(make([]byte, 0, 128)); ok {
			return b, nil
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// appender is what can be encoded without reflection, at least where its members are as usual; false: they are not.
type appender interface {
	appendTo(b []byte) ([]byte, bool)
}
