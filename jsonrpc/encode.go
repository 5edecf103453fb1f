package jsonrpc

import (
	"bytes"
	"encoding/json"
)

// Encode writes v as JSON without a line end, and leaves the characters of payloads in it as they are: json.Marshal would
// write a worker's "<" as "\u003c".
func Encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
