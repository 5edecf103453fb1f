package jsonrpc

import (
	"encoding/json"
	"testing"
)

func TestEncodingLeavesTheCharactersOfPayloadsAsTheyAre(t *testing.T) {
	e := &Error{Code: 1, Message: "a < b & c", Data: json.RawMessage(`{"n":1.50,"html":"<b>"}`)}
	if got, err := Encode(e); err != nil || string(got) != `{"code":1,"message":"a < b & c","data":{"n":1.50,"html":"<b>"}}` {
		t.Errorf("%s %v", got, err)
	}
	if got, err := Encode(json.RawMessage(`{`)); err == nil {
		t.Errorf("%s for what is no JSON", got)
	}
}
