package server

import (
	"encoding/json"
	"sync"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// answers are those that a goroutine has found which has no time to encode and write them, as the ledger's has not. A goroutine that lives as
// long as there are any sends them: those of one commit to one connection in one write, while the next commit is under way.
type answers struct {
	mu      sync.Mutex
	waiting []found
	sending bool
}

// found is one answer.
type found struct {
	request *request
	result  json.RawMessage
	err     error
}

// endSoon is end for who must not be held up.
func (r *request) endSoon(result json.RawMessage, err error) {
	s := r.session
	a := &s.answers
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting = append(a.waiting, found{r, result, err})
	if !a.sending {
		a.sending = true
		s.pumps.Go(a.send)
	}
}

// send is the goroutine.
func (a *answers) send() {
	var k jsonrpc.Cork
	var sent []found
	for {
		sent = a.take(sent)
		if len(sent) == 0 {
			return
		}
		for _, answer := range sent {
			answer.request.end(&k, answer.result, nil, answer.err)
		}
		k.Release()
	}
}

// take gives the answers that wait, and takes back the slice of those that were sent. None: the goroutine ends.
func (a *answers) take(sent []found) []found {
	clear(sent)
	a.mu.Lock()
	defer a.mu.Unlock()
	waiting := a.waiting
	a.waiting = sent[:0]
	a.sending = len(waiting) > 0
	return waiting
}
