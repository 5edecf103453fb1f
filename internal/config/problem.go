package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Place is where something stands in a file. Line and Column count from 1, Column in characters; the zero Place is the file
// as a whole.
type Place struct {
	Line, Column int
	Width        int // characters, for pointing at it
}

// Problem is one thing that is wrong with a file.
type Problem struct {
	Place
	Text string
}

// FileError is a file with all that is wrong with it, in the order of the lines.
type FileError struct {
	Path     string
	Problems []Problem

	lines []string
}

// mostProblems is how many are shown; one mistake at the top may make many.
const mostProblems = 20

// Error shows each problem with its place, the line and a mark under what is meant.
func (e *FileError) Error() string {
	var b strings.Builder
	if n := len(e.Problems); n > 1 {
		fmt.Fprintf(&b, "%d problems in %s", n, e.Path)
	}
	for i, p := range e.Problems {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		if i == mostProblems {
			fmt.Fprintf(&b, "… and %d more", len(e.Problems)-i)
			break
		}
		b.WriteString(e.Path)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
		}
		b.WriteString(": " + p.Text)
		b.WriteString(e.excerpt(p.Place))
	}
	return b.String()
}

// longestExcerpt is how many characters of a line are shown.
const longestExcerpt = 100

// excerpt is the line of a place, with a mark under the place; "" if there is no such line.
func (e *FileError) excerpt(at Place) string {
	if at.Line < 1 || at.Line > len(e.lines) {
		return ""
	}
	line := []rune(e.lines[at.Line-1])
	column := min(max(at.Column, 1), len(line)+1) - 1
	start := 0
	if column > longestExcerpt*3/4 {
		start = column - longestExcerpt/2
	}
	end := min(len(line), start+longestExcerpt)
	width := min(max(at.Width, 1), max(end-column, 1))
	indent := strings.Map(func(r rune) rune { // a tab is as wide below as above
		if r == '\t' {
			return '\t'
		}
		return ' '
	}, string(line[start:column]))
	number := fmt.Sprintf("%5d", at.Line)
	return fmt.Sprintf("\n%s | %s\n%s | %s%s", number, string(line[start:end]), strings.Repeat(" ", len(number)), indent, strings.Repeat("^", width))
}

// problems collects what is wrong. What is said about the same place twice, as about an anchor that is used twice, counts once.
type problems struct {
	all  []Problem
	seen map[Problem]bool
}

func (p *problems) add(at Place, format string, args ...any) {
	problem := Problem{at, fmt.Sprintf(format, args...)}
	if p.seen[problem] {
		return
	}
	if p.seen == nil {
		p.seen = map[Problem]bool{}
	}
	p.seen[problem] = true
	p.all = append(p.all, problem)
}

// err is nil if there are none.
func (p *problems) err(path, content string) error {
	if len(p.all) == 0 {
		return nil
	}
	slices.SortStableFunc(p.all, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &FileError{Path: path, Problems: p.all, lines: strings.Split(content, "\n")}
}

// invalidUTF8 is the place of the first byte that is no UTF-8.
func invalidUTF8(content string) (Place, bool) {
	line, column := 1, 1
	for i := 0; i < len(content); {
		r, n := utf8.DecodeRuneInString(content[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return Place{line, column, 1}, true
		case r == '\n':
			line, column = line+1, 1
		default:
			column++
		}
		i += n
	}
	return Place{}, false
}
