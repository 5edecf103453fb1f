package ledger

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// member is one member of an object in an export: how it is written, and how it is read.
type member[T any] struct {
	name  string
	must  bool                         // it is always there
	bytes bool                         // it may come as nameBase64 instead, for bytes that are no JSON or no text
	put   func(b []byte, v *T) []byte  // appends a comma, the name and the value; nothing where there is none
	take  func(v *T, raw []byte) error // reads the value
	plain func(v *T, decoded []byte)   // with bytes: takes what was in Base64
}

const base64Suffix = "Base64"

// exportTime is RFC 3339 with microseconds, which is all that a ledger has.
const exportTime = "2006-01-02T15:04:05.000000Z"

func textMember[T any](name string, must bool, at func(*T) *string) member[T] {
	return member[T]{
		name: name, must: must, bytes: true,
		put: func(b []byte, v *T) []byte {
			switch s := *at(v); {
			case s == "" && !must:
				return b
			case !utf8.ValidString(s):
				return appendBase64(b, name, []byte(s))
			default:
				return appendText(appendName(b, name), s)
			}
		},
		take: func(v *T, raw []byte) error {
			if raw[0] != '"' {
				return errors.New("a string is wanted")
			}
			return json.Unmarshal(raw, at(v))
		},
		plain: func(v *T, decoded []byte) { *at(v) = string(decoded) },
	}
}

// enumMember is a text that is one of a type's values; validate looks at which.
func enumMember[T any, S ~string](name string, must bool, at func(*T) *S) member[T] {
	return member[T]{
		name: name, must: must,
		put: func(b []byte, v *T) []byte {
			if *at(v) == "" && !must {
				return b
			}
			return appendText(appendName(b, name), string(*at(v)))
		},
		take: func(v *T, raw []byte) error {
			var s string
			if json.Unmarshal(raw, &s) != nil || raw[0] != '"' {
				return errors.New("a string is wanted")
			}
			*at(v) = S(s)
			return nil
		},
	}
}

func intMember[T any](name string, must bool, at func(*T) *int) member[T] {
	return member[T]{
		name: name, must: must,
		put: func(b []byte, v *T) []byte {
			if *at(v) == 0 && !must {
				return b
			}
			return strconv.AppendInt(appendName(b, name), int64(*at(v)), 10)
		},
		take: func(v *T, raw []byte) error {
			n, err := strconv.Atoi(string(raw))
			if err != nil {
				return errors.New("an integer is wanted")
			}
			*at(v) = n
			return nil
		},
	}
}

func timeMember[T any](name string, must bool, at func(*T) *time.Time) member[T] {
	return member[T]{
		name: name, must: must,
		put: func(b []byte, v *T) []byte {
			if at(v).IsZero() {
				return b
			}
			return at(v).UTC().AppendFormat(appendName(b, name), `"`+exportTime+`"`)
		},
		take: func(v *T, raw []byte) error {
			t, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(raw))
			if err != nil {
				return errors.New("a time is wanted, as 2026-01-02T15:04:05.678901Z")
			}
			if year := t.UTC().Year(); year < 0 || year > 9999 {
				return errors.New("a time from the year 0 to 9999 in UTC is wanted")
			}
			if !t.Truncate(time.Microsecond).Equal(t) {
				return errors.New("it is finer than microseconds, which is all that a ledger has")
			}
			*at(v) = t.UTC()
			return nil
		},
	}
}

// payloadMember is JSON that is kept byte for byte.
func payloadMember[T any](name string, at func(*T) *[]byte) member[T] {
	return member[T]{
		name: name, bytes: true,
		put: func(b []byte, v *T) []byte {
			switch raw := *at(v); {
			case raw == nil:
				return b
			case keepsItsBytes(raw):
				return append(appendName(b, name), raw...)
			default:
				return appendBase64(b, name, raw)
			}
		},
		take:  func(v *T, raw []byte) error { *at(v) = bytes.Clone(raw); return nil },
		plain: func(v *T, decoded []byte) { *at(v) = decoded },
	}
}

// keepsItsBytes says whether JSON can be a value in a line and be read from it again as it was.
func keepsItsBytes(raw []byte) bool {
	return json.Valid(raw) && utf8.Valid(raw) && !bytes.ContainsAny(raw, "\r\n") && len(bytes.TrimSpace(raw)) == len(raw)
}

func appendName(b []byte, name string) []byte {
	if last := b[len(b)-1]; last != '{' {
		b = append(b, ',')
	}
	return append(append(append(b, '"'), name...), `":`...)
}

func appendBase64(b []byte, name string, raw []byte) []byte {
	b = append(appendName(b, name+base64Suffix), '"')
	return append(base64.StdEncoding.AppendEncode(b, raw), '"')
}

func appendText(b []byte, s string) []byte {
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) < 0 {
		return append(append(append(b, '"'), s...), '"')
	}
	return appendJSON(b, s)
}

// appendJSON appends a value's encoding. Those of this package's values always have one.
func appendJSON(b []byte, v any) []byte {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return append(b, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
}

// appendObject writes an object of its members, in their order.
func appendObject[T any](b []byte, members []member[T], v *T) []byte {
	b = append(b, '{')
	for i := range members {
		b = members[i].put(b, v)
	}
	return append(b, '}')
}

// memberError is what is wrong with one member of an object.
type memberError struct {
	path    string // as attempts[2].outcome; "": the object itself
	problem string
}

func (e *memberError) Error() string {
	if e.path == "" {
		return e.problem
	}
	return e.path + ": " + e.problem
}

func wrong(path, format string, args ...any) error {
	return &memberError{path, fmt.Sprintf(format, args...)}
}

// readObject reads an object that is known to be JSON: each member once, none that is unknown, and all that must be there.
func readObject[T any](path string, raw []byte, members []member[T], v *T) error {
	if raw[0] != '{' {
		return wrong(strings.TrimSuffix(path, "."), "a JSON object is wanted")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	_, _ = d.Token() // the brace
	seen := make([]bool, len(members))
	for d.More() {
		token, _ := d.Token() // it is valid
		given, _ := token.(string)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return wrong(path+given, "%v", err)
		}
		i, inBase64 := memberNamed(members, given)
		switch {
		case i < 0:
			return wrong(path+given, "there is no such member")
		case seen[i]:
			return wrong(path+given, "it is given twice")
		}
		seen[i] = true
		if err := takeMember(&members[i], v, value, inBase64); err != nil {
			return within(path+given, err)
		}
	}
	for i := range members {
		if members[i].must && !seen[i] {
			return wrong(path+members[i].name, "missing")
		}
	}
	return nil
}

func takeMember[T any](m *member[T], v *T, raw []byte, inBase64 bool) error {
	if !inBase64 {
		return m.take(v, raw)
	}
	var decoded []byte
	if raw[0] != '"' || json.Unmarshal(raw, &decoded) != nil {
		return errors.New("Base64 in a string is wanted")
	}
	if len(decoded) == 0 {
		return errors.New("it is empty, which no payload is: leave it out")
	}
	m.plain(v, decoded)
	return nil
}

// within gives an error the path of its member, unless it has one.
func within(path string, err error) error {
	if inner := (*memberError)(nil); errors.As(err, &inner) {
		return err
	}
	return wrong(path, "%v", err)
}

func memberNamed[T any](members []member[T], name string) (i int, inBase64 bool) {
	base, cut := strings.CutSuffix(name, base64Suffix)
	for i := range members {
		switch {
		case members[i].name == name:
			return i, false
		case cut && members[i].bytes && members[i].name == base:
			return i, true
		}
	}
	return -1, false
}
