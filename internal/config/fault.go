package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// OfFile says whether a file describes the pool, and not a command line.
func (p *Pool) OfFile() bool { return p.Places != nil }

// place is where the file sets a key of the pool or of defaults, or else says what the pool runs.
func (p *Pool) place(key string) Place {
	for _, key := range []string{key, keyScript, keyCommand} {
		if at, ok := p.Places[key]; ok {
			return at
		}
	}
	return p.Places[keyPools]
}

// Problem is what was found wrong with a pool when it was to be started, as a problem of the place where the file sets key; "": where it
// says what the pool runs.
func (f *File) Problem(p *Pool, key string, err error) error {
	return &FileError{
		Path:     f.Path,
		Problems: []Problem{{p.place(key), fmt.Sprintf("pool %q: %s", p.Pool, InFile(err.Error()))}},
		lines:    strings.Split(f.content, "\n"),
	}
}

// flagName is what may be a flag in a text.
var flagName = regexp.MustCompile(`--[a-z]+(-[a-z]+)*\b`)

// InFile is a text about flags with the keys of a file in their place.
func InFile(text string) string {
	return flagName.ReplaceAllStringFunc(text, func(flag string) string {
		name := strings.TrimPrefix(flag, "--")
		if slices.ContainsFunc(PoolSettings, func(s Setting[Pool]) bool { return s.Name == name }) {
			return name
		}
		return flag
	})
}
