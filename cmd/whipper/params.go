package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// byName is a PARAM of the form name=JSON. No JSON text begins like that, so it cannot be meant otherwise.
var byName = regexp.MustCompile(`^([\p{L}_$][\p{L}\p{N}_$-]*)=`)

// params makes a call's params of the command line's PARAMs: absent without any, an array, or with name=JSON an object.
// With asText each is plain text, and all go into an array.
func params(args []string, asText bool) (json.RawMessage, error) {
	if len(args) == 0 {
		return nil, nil
	}
	named := 0
	var b bytes.Buffer
	seen := map[string]bool{}
	for i, arg := range args {
		if i > 0 {
			b.WriteByte(',')
		}
		if asText {
			text, err := json.Marshal(arg)
			if err != nil {
				return nil, fmt.Errorf("encode %q: %w", arg, err)
			}
			b.Write(text)
			continue
		}
		value := arg
		if m := byName.FindStringSubmatch(arg); m != nil {
			if named++; seen[m[1]] {
				return nil, misuse("give every name once", "parameter %s is given twice", m[1])
			}
			seen[m[1]] = true
			fmt.Fprintf(&b, "%q:", m[1])
			value = arg[len(m[0]):]
		}
		if fault := jsonFault(value); fault != nil {
			return nil, notJSON(arg, value, fault)
		}
		if err := json.Compact(&b, []byte(value)); err != nil {
			return nil, notJSON(arg, value, &fault{err.Error(), 0})
		}
	}
	if named == 0 {
		return json.RawMessage("[" + b.String() + "]"), nil
	}
	if named < len(args) {
		return nil, misuse("give each parameter a name, as in to='\"Ann\"', or none", "parameters with and without a name cannot be mixed")
	}
	return json.RawMessage("{" + b.String() + "}"), nil
}

// fault is what is wrong with a text, and at which byte.
type fault struct {
	why string
	at  int
}

// jsonFault says what keeps text from being one JSON value; nil: nothing does.
func jsonFault(text string) *fault {
	if !utf8.ValidString(text) {
		return &fault{"not UTF-8", strings.IndexRune(text, utf8.RuneError)}
	}
	var v json.RawMessage
	err := json.Unmarshal([]byte(text), &v)
	if err == nil {
		return nil
	}
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return &fault{err.Error(), 0}
	}
	at := int(syntax.Offset)
	if !unfinished(text) {
		at-- // it counts the offending byte
	}
	return &fault{syntax.Error(), max(0, at)}
}

// unfinished says whether text is the beginning of a JSON value, so that its fault is behind its end.
func unfinished(text string) bool {
	var v json.RawMessage
	err := json.NewDecoder(strings.NewReader(text)).Decode(&v)
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// notJSON shows the argument with a caret below the fault, and what was probably meant.
func notJSON(arg, value string, f *fault) error {
	shown := oneLine(arg)
	before := oneLine(arg[:len(arg)-len(value)+f.at])
	const most = 60 // columns
	width := utf8.RuneCountInString(before)
	if width > most {
		cut := []rune(shown)
		shown, width = "…"+string(cut[width-most:]), most+1
	}
	if runes := []rune(shown); len(runes) > most+20 {
		shown = string(runes[:most+20]) + "…"
	}
	hint := "put JSON in the shell's quotes, or use --string for plain text"
	if strings.HasPrefix(arg, "--") {
		hint = "flags go before the method"
	} else if text, err := json.Marshal(value); err == nil && !strings.ContainsAny(value, `{}[]"`) && utf8.ValidString(value) {
		quoted := strings.TrimSuffix(arg, value) + "'" + strings.ReplaceAll(string(text), "'", `'\''`) + "'"
		hint = "for text write " + quoted + " (the shell's quotes around JSON's), or use --string"
	}
	return misuse(hint, "parameter is not JSON: %s\n  %s\n  %s^", f.why, shown, strings.Repeat(" ", width))
}
