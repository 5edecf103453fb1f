package checks

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// leftover is text that has no place in a committed file. The patterns are written so as not to match themselves.
type leftover struct {
	what    string
	pattern *regexp.Regexp
}

// leftovers returns the patterns, with this checkout's own folder among them: a path copied out of it works nowhere
// else.
func leftovers(checkout string) []leftover {
	return []leftover{
		{"a path of this checkout", regexp.MustCompile(regexp.QuoteMeta(checkout) + `\b`)},
		{"a path in someone's home folder", regexp.MustCompile(`(?:^|[^\w.}])/(?:root|(?:home|Users)/\w+)/\w`)},
		{"unfinished work", regexp.MustCompile(`\b(?:TO` + `DO|FIX` + `ME|X` + `XX)\b`)},
		{"a package registry's address", regexp.MustCompile(`"resolved": *"http`)}, // it differs between machines
		{"an unresolved merge", regexp.MustCompile(`^(?:<{7}|>{7}) `)},
	}
}

// findLeftovers returns each line of a file that has one. Binary files have no lines to show and are passed over.
func findLeftovers(file, text string, among []leftover) []string {
	if strings.ContainsRune(text, 0) {
		return nil
	}
	var problems []string
	for i, line := range strings.Split(text, "\n") {
		for _, l := range among {
			if found := l.pattern.FindString(line); found != "" {
				problems = append(problems, fmt.Sprintf("%s:%d: %s: %s", file, i+1, l.what, strings.TrimSpace(found)))
			}
		}
	}
	return problems
}

func TestNoFileCarriesLeftovers(t *testing.T) {
	checkout, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	among := leftovers(checkout)
	for _, file := range files(t) {
		if info, err := os.Lstat(filepath.Join(root, file)); err == nil && info.Mode().IsRegular() {
			report(t, findLeftovers(file, read(t, file), among))
		}
	}
}

func TestLeftoversAreFound(t *testing.T) {
	text := strings.Join([]string{
		"see /src/checkout/server/socket.go",
		"open /home/" + "ann/notes and ~/notes",
		"PATH=/ro" + "ot/bin; root/bin; $HOME/root/bin; https://example.org/home/page/",
		"// TO" + "DO: later",
		"<<<<<<< " + "ours",
		`"resolved":` + `"https://mirror.example.org/a.tgz"`,
	}, "\n")
	expect(t, findLeftovers("a.go", text, leftovers("/src/checkout")),
		"a.go:1: a path of this checkout: /src/checkout",
		"a.go:2: a path in someone's home folder: /home/"+"ann/n",
		"a.go:3: a path in someone's home folder: =/ro"+"ot/b",
		"a.go:4: unfinished work: TO"+"DO",
		"a.go:5: an unresolved merge: <<<<<<<",
		`a.go:6: a package registry's address: "resolved":`+`"http`)
	expect(t, findLeftovers("a.png", "\x00"+text, leftovers("/src/checkout")))
}
