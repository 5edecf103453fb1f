package jsonrpc

import (
	"strings"
	"testing"
)

func TestTheCallThatACutAnswerBelongsToIsFound(t *testing.T) {
	for frame, want := range map[string]uint64{
		`{"jsonrpc":"2.0","id":7,"result":"aaa`:                         7,
		` {"id": 7 ,"error":{"code":1`:                                  7,
		`{"id":7,"result"`:                                              7,
		`{"result":"aaa` + cutMark + `aaa","id":7}`:                     7,
		`{"result":"aaa` + cutMark + `aaa", "id" : 7 ,"jsonrpc":"2.0"}`: 7,
		`{"result":[` + cutMark + `],"id":7,"meta":{"id":8}} `:          7,
		`{"result":[` + cutMark + `1],"id":7,"x":"{\"id\":8}"}`:         7,
		`{"result":{"id":3},"id":7,"meta":"` + cutMark + `"}`:           7,

		`{"id":7,"method":"m","params":[`:                  0, // not an answer
		`{"id":7,"params":[` + cutMark + `],"method":"m"}`: 0,
		`{"method":"m","params":[` + cutMark + `],"id":7}`: 0,
		`{"params":[` + cutMark + `],"id":7,"method":"m"}`: 0,
		`{"result":[` + cutMark + `{"a":1,"id":7}]}`:       0, // another object's
		`{"result":{"a":"` + cutMark + `","id":7}}`:        0,
		`{"result":"` + cutMark + `,\"id\":7}"}`:           0, // text
		`{"result":[` + cutMark + `],"x\"id":7}`:           0, // another name
		`{"result":[` + cutMark + `],"id":7`:               0, // cut as well
		`{"result":[` + cutMark + `],"id":7.5}`:            0,
		`{"result":[` + cutMark + `],"id":"7"}`:            0,
		`{"result":[` + cutMark + `],"id":-7}`:             0,
		`{"id":0,"result":1`:                               0,
		`{"id":7`:                                          0,
		`{"result":1`:                                      0,
		`[{"id":7,"re`:                                     0,
		``:                                                 0,
		`{`:                                                0,
		`{"id`:                                             0,
		`,"id"`:                                            0,
		strings.Repeat(`,"id"`, 1_000_000):                 0,
	} {
		got, ok := CutCallID([]byte(frame))
		if ok != (want != 0) || ok && got != want {
			t.Errorf("%.80s: %d %v, want %d", frame, got, ok, want)
		}
	}
}

func TestAnAnswerThatIsTooLargeKeepsItsIDWhereverItStands(t *testing.T) {
	large := strings.Repeat("a", 300_000)
	for name, frame := range map[string]string{
		"first": `{"jsonrpc":"2.0","id":7,"result":"` + large + `"}`,
		"last":  `{"jsonrpc":"2.0","result":"` + large + `","id":7}`,
	} {
		for _, limit := range []int{100, readBuffer, 2 * readBuffer, 4 * readBuffer} {
			kept, err := newFrameReader(strings.NewReader(frame+"\r\n"), limit).next()
			if err == nil || len(kept) > cutHead+len(cutMark)+cutTail {
				t.Fatalf("%d bytes kept, %v", len(kept), err)
			}
			if id, ok := CutCallID(kept); !ok || id != 7 {
				t.Errorf("id %s, limit %d: %d %v", name, limit, id, ok)
			}
		}
	}
}
