package config

import (
	"fmt"
	"regexp"
	"strings"
)

// variable is what may stand between ${ and }: a name, or a name with a default.
var variable = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$`)

// expandError is a variable that cannot be put in.
type expandError struct {
	text  string // of the file: what is wrong
	cause string
}

func (e *expandError) Error() string { return e.cause }

// expand puts in the environment's variables: ${NAME}, ${NAME:-default} for one that may be unset or empty, and $$ for a
// dollar. Any other dollar is itself. What is put in is not looked at again.
func expand(text string, lookup func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), nil
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			text = after[1:]
			continue
		case !strings.HasPrefix(after, "{"):
			b.WriteByte('$')
			text = after
			continue
		}
		inner, rest, closed := strings.Cut(after[1:], "}")
		if !closed {
			return "", &expandError{"${", "${ without }: write $${ if it is meant as it is"}
		}
		whole := "${" + inner + "}"
		m := variable.FindStringSubmatch(inner)
		if m == nil {
			return "", &expandError{whole, whole + " is no variable: write ${NAME} or ${NAME:-default}, or $${ for a dollar and a brace"}
		}
		value, ok := lookup(m[1])
		hasDefault := strings.Contains(inner, ":-")
		switch {
		case hasDefault && value == "":
			value = m[2]
		case !ok:
			return "", &expandError{whole, fmt.Sprintf("the environment has no variable %s: set it, or write ${%s:-default}", m[1], m[1])}
		}
		b.WriteString(value)
		text = rest
	}
}
