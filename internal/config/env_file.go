package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"
)

// readEnvFile reads a file of variables. Its errors name the line and never hold what is in it: that may be secret.
func readEnvFile(path string) ([]string, error) {
	text, err := readPiped(path)
	if err != nil {
		return nil, fmt.Errorf("read env file: %w", err)
	}
	p := envFile{rest: text, line: 1}
	p.rest = strings.TrimPrefix(p.rest, "\ufeff")
	for {
		assignment, err := p.next()
		switch {
		case err != nil:
			return nil, fmt.Errorf("env file %q, line %d: %w", path, p.line, err)
		case assignment == "":
			return p.found, nil
		}
		p.found = append(p.found, assignment)
	}
}

// pipePatience is how long the end of a pipe may take to come. Nothing can call off the start that waits for it. A variable for tests.
var pipePatience = 30 * time.Second

// readPiped reads a file, or a pipe as in --env-file <(decrypt secrets): to its end, of which it has to be told by then.
func readPiped(path string) (string, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // it would not open a pipe before somebody writes to it
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	fault := func(why string) error { return &fs.PathError{Op: "read", Path: path, Err: errors.New(why)} }
	_ = file.SetReadDeadline(time.Now().Add(pipePatience)) // of what has none, no read takes long
	content, err := io.ReadAll(io.LimitReader(file, mostBytes+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", fault(fmt.Sprintf("it is a pipe, whose end has not come within %v", pipePatience))
	case err != nil:
		return "", err
	case len(content) > mostBytes:
		return "", fault("it is larger than 1 MiB")
	}
	if info, err := file.Stat(); err == nil && info.Mode()&fs.ModeNamedPipe != 0 && len(content) == 0 {
		return "", fault("it is a pipe that nobody has written to")
	}
	return string(content), nil
}

// envFile is a file of variables that is being read. It is written like a shell's, with nothing expanded:
//
//	# a comment
//	NAME=the rest of the line # but not a comment after a space
//	export NAME='as it is, on any number of lines'
//	NAME="with \n, \r, \t, \", \$ and \\, on any number of lines"
type envFile struct {
	rest  string
	line  int // of the last assignment
	found []string
}

// next gives the next assignment, "" at the end.
func (p *envFile) next() (string, error) {
	for p.rest != "" {
		line, _, more := strings.Cut(p.rest, "\n")
		if text := strings.TrimSpace(line); text != "" && text[0] != '#' {
			return p.assignment()
		}
		p.rest = p.rest[len(line):]
		if more {
			p.rest = p.rest[1:]
			p.line++
		}
	}
	return "", nil
}

func (p *envFile) assignment() (string, error) {
	line, _, _ := strings.Cut(p.rest, "\n")
	name, value, ok := strings.Cut(line, "=")
	if !ok {
		return "", errors.New("there is no =")
	}
	name = strings.TrimSpace(name)
	if bare, ok := strings.CutPrefix(name, "export"); ok && strings.TrimLeft(bare, " \t") != bare {
		name = strings.TrimLeft(bare, " \t")
	}
	if !isVariable(name) {
		return "", errors.New("what stands before = is no name: it may have letters, digits, _, . and -, and begins with no digit")
	}
	value = strings.TrimLeft(value, " \t")
	p.rest = p.rest[len(line)-len(value):]
	var err error
	if value != "" && (value[0] == '"' || value[0] == '\'') {
		value, err = p.quoted(name)
	} else {
		p.rest = p.rest[len(value):]
		value = uncommented(value)
	}
	if err == nil && strings.ContainsRune(value, 0) {
		err = fmt.Errorf("%s holds a NUL character, which no variable can", name)
	}
	return name + "=" + value, err
}

// uncommented is an unquoted value without a comment behind it. A # within a word belongs to the value.
func uncommented(value string) string {
	for i := range value {
		if value[i] == '#' && (i == 0 || value[i-1] == ' ' || value[i-1] == '\t') {
			value = value[:i]
			break
		}
	}
	return strings.TrimSpace(value)
}

// quoted reads a value from its opening quote to the end of the line that the closing one is in.
func (p *envFile) quoted(name string) (string, error) {
	quote := p.rest[0]
	var value strings.Builder
	for i := 1; i < len(p.rest); i++ {
		c := p.rest[i]
		switch {
		case c == quote:
			after, _, _ := strings.Cut(p.rest[i+1:], "\n")
			if t := strings.TrimSpace(after); t != "" && (t[0] != '#' || t == after) {
				return "", fmt.Errorf("%s has something behind its closing %c", name, quote)
			}
			p.line += strings.Count(p.rest[:i], "\n")
			p.rest = p.rest[i+1+len(after):]
			return value.String(), nil
		case c == '\\' && quote == '"' && i+1 < len(p.rest):
			i++
			value.WriteString(unescaped(p.rest[i]))
		default:
			value.WriteByte(c)
		}
	}
	return "", fmt.Errorf("%s has no closing %c", name, quote)
}

// unescaped is what a backslash and c mean; what means nothing stays as it is.
func unescaped(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case '"', '$', '\\':
		return string(c)
	}
	return `\` + string(c)
}

func isVariable(name string) bool {
	for i, c := range []byte(name) {
		switch {
		case c == '_', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case i > 0 && (c == '.' || c == '-' || '0' <= c && c <= '9'):
		default:
			return false
		}
	}
	return name != ""
}
