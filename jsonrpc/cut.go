package jsonrpc

import "bytes"

const (
	cutHead = 4 << 10 // how much of the beginning of a frame that is too large is kept to name it by
	cutTail = 1 << 10 // and of its end: many writers put the id last
)

// cutMark stands for what is missing from a frame that was too large. It is not JSON, so that nothing is read across it.
const cutMark = " … "

// CutCallID finds the call that a frame answers of which the end or the middle is missing.
func CutCallID(frame []byte) (uint64, bool) {
	id, answer := scanCut(frame)
	if !answer {
		return 0, false
	}
	return callID(id)
}

// scanCut finds the id of a message that was cut, nil if it is not in what is left, and whether the message is an answer.
func scanCut(frame []byte) (id []byte, answer bool) {
	var e envelope
	front := scanner{b: frame}
	front.space()
	_ = front.object(0, e.set) // it ends in a fault
	if front.key != nil && !front.whole {
		e.set(front.key, null) // the member that was cut
		if string(memberName(front.key)) == "id" {
			e.id = nil
		}
	}
	if e.id == nil {
		scanTail(frame, &e)
	}
	answer = e.method == nil && (e.result != nil || e.err != nil)
	return e.id, answer
}

// scanTail looks for an id among the last members of the message.
func scanTail(frame []byte, e *envelope) {
	name := []byte(`"id"`)
	frame = tailOf(frame)
	for end := len(frame); ; {
		at := bytes.LastIndex(frame[:end], name)
		if at < 0 {
			return
		}
		end = at
		if before := bytes.TrimRight(frame[:at], " \t\r\n"); !bytes.HasSuffix(before, []byte{','}) {
			continue // the end of another name, in which quotes are escaped
		}
		last := scanner{b: append([]byte{'{'}, frame[at:]...)}
		tail := *e
		if last.object(0, tail.set) == nil && last.end() == nil { // inside another object a brace would be left over
			*e = tail
			return
		}
	}
}
