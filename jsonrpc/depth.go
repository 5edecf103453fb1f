package jsonrpc

import "fmt"

// MaxDepth bounds the nesting of a message. JSON readers in workers recurse; Python's gives up near 1000.
const MaxDepth = 512

// AnswerDepth is how many levels beyond MaxDepth an answer of whipper's own may nest: the payloads of jobs lie deeper in it than in the messages
// that brought them. The deepest is the data of an attempt's error in a list of jobs, five levels deeper than in the worker's answer.
const AnswerDepth = 8

var errTooDeep = fmt.Errorf("nested deeper than %d levels", MaxDepth)

// Depth is how many levels JSON nests: a number has none, an empty array one.
func Depth(text []byte) (deepest int) {
	level, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && (c == '{' || c == '['):
			level++
			deepest = max(deepest, level)
		case !quoted && (c == '}' || c == ']'):
			level--
		}
	}
	return deepest
}
