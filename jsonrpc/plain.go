package jsonrpc

// plainObject hands each member of a JSON object to take, with the quotes of its name, until take does not know what to make of one. False: it did
// not, or this is no object.
func plainObject(object []byte, take func(name, value []byte) bool) bool {
	plain := true
	s := scanner{b: object}
	err := s.object(0, func(name, value []byte) { plain = plain && take(name, value) })
	return plain && err == nil && s.end() == nil
}

// decode takes a member of a trace context. False: it is none, or not plain.
func (t *Trace) decode(name, value []byte) bool {
	switch string(name) {
	case `"traceparent"`:
		return plainString(value, &t.Traceparent)
	case `"tracestate"`:
		return plainString(value, &t.Tracestate)
	case `"baggage"`:
		return plainString(value, &t.Baggage)
	}
	return false
}

// plainString reads a JSON string that has no escapes.
func plainString(value []byte, to *string) bool {
	if len(value) < 2 || value[0] != '"' {
		return false
	}
	text := value[1 : len(value)-1]
	for _, c := range text {
		if c == '\\' {
			return false
		}
	}
	*to = string(text)
	return true
}

// plainNumber reads a JSON number that is an integer of 0 or more.
func plainNumber(value []byte, to *int64) bool {
	n := int64(0)
	if len(value) > 18 {
		return false
	}
	for _, c := range value {
		if !isDigit(c) {
			return false
		}
		n = 10*n + int64(c-'0')
	}
	*to = n
	return true
}
