package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// List is any number of texts; there is none by default. Its flag may be repeated.
type List struct{ Items *[]string }

// Set implements Value: it adds to the list.
func (l *List) Set(s string) error {
	*l.Items = append(*l.Items, s)
	return nil
}

// String implements Value.
func (l *List) String() string { return strings.Join(*l.Items, ", ") }

// Reset implements Value.
func (l *List) Reset() { *l.Items = nil }

// Paths are a list of what Path is one of.
type Paths struct{ Items *[]string }

// Set implements Value: it adds to the list.
func (p *Paths) Set(s string) error {
	*p.Items = append(*p.Items, s)
	return nil
}

// String implements Value.
func (p *Paths) String() string { return strings.Join(*p.Items, ", ") }

// Reset implements Value.
func (p *Paths) Reset() { *p.Items = nil }

// from makes relative paths ones from folder.
func (p *Paths) from(folder string) {
	for i := range *p.Items {
		(&Path{S: &(*p.Items)[i]}).from(folder)
	}
}

// Addresses are a list of what --listen takes. A relative path of a Unix socket is one as Path's.
type Addresses struct{ Items *[]string }

// Set implements Value: it adds to the list.
func (a *Addresses) Set(s string) error {
	*a.Items = append(*a.Items, s)
	return nil
}

// String implements Value.
func (a *Addresses) String() string { return strings.Join(*a.Items, ", ") }

// Reset implements Value.
func (a *Addresses) Reset() { *a.Items = nil }

// from makes relative paths ones from folder.
func (a *Addresses) from(folder string) {
	for i, item := range *a.Items {
		if before, path, ok := strings.Cut(item, "unix:"); ok && path != "" && (before == "" || strings.HasSuffix(before, "=")) {
			path = strings.TrimPrefix(path, "//") // as a URL
			(&Path{S: &path}).from(folder)
			(*a.Items)[i] = before + "unix:" + path
		}
	}
}

// Assignments are variables with their values, NAME=VALUE; there is none by default. NAME alone has the value of our own environment, so that no
// secret need be an argument, which others can read. Its flag may be repeated.
type Assignments struct{ Items *[]string }

// Set implements Value: it adds to the list.
func (a *Assignments) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if name == "" {
		return errors.New("not an assignment: write it as NAME=VALUE, or NAME")
	}
	if !ok {
		if value, ok = os.LookupEnv(name); !ok {
			return errors.New("not in whipper's own environment: set it there, or write NAME=VALUE")
		}
	}
	*a.Items = append(*a.Items, name+"="+value)
	return nil
}

// String implements Value. It has the names only: values may be secrets.
func (a *Assignments) String() string {
	var names []string
	for _, item := range *a.Items {
		name, _, _ := strings.Cut(item, "=")
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// Reset implements Value.
func (a *Assignments) Reset() { *a.Items = nil }

// Limits are whole numbers from 1 up by the name of a method, METHOD=N; there is none by default. Its flag may be repeated.
type Limits struct{ M *map[string]int }

// Set implements Value: it adds to the limits, or replaces that of the same method. Whoever has a copy of them keeps what it has.
func (l *Limits) Set(s string) error {
	at := strings.LastIndexByte(s, '=')
	if at < 1 {
		return errors.New("not a limit: write it as METHOD=N")
	}
	n, err := strconv.Atoi(s[at+1:])
	if err != nil || n < 1 {
		return fmt.Errorf("the limit of %s must be a whole number from 1 up", s[:at])
	}
	limits := maps.Clone(*l.M)
	if limits == nil {
		limits = map[string]int{}
	}
	limits[s[:at]] = n
	*l.M = limits
	return nil
}

// String implements Value.
func (l *Limits) String() string {
	var all []string
	for _, method := range slices.Sorted(maps.Keys(*l.M)) {
		all = append(all, fmt.Sprintf("%s=%d", method, (*l.M)[method]))
	}
	return strings.Join(all, ", ")
}

// Reset implements Value.
func (l *Limits) Reset() { *l.M = nil }
