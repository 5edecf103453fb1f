package checks

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	goTest    = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	proof     = regexp.MustCompile("(?:`[^`]+`|\"[^\"]+\")(?:, (?:`[^`]+`|\"[^\"]+\"))* \\([\\w/.-]+\\)")
	proofName = regexp.MustCompile("`([^`]+)`|\"([^\"]+)\"")
)

// shortFolder are folders that the page calls by a shorter name.
var shortFolder = map[string]string{
	"endtoend": "internal/endtoend", "chaos": "internal/chaos", "ledgertest": "ledger/ledgertest",
}

// unprovenPromises returns what is wrong with a page's tables of promises: rows whose last column names no test, and tests that are not where it
// says. tests gives the names of the tests of a folder, or of a file that is no Go.
func unprovenPromises(text string, tests func(place string) []string) []string {
	var problems []string
	shown := false // in a table with the column "shown by"
	for line := range strings.SplitSeq(text, "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") {
			shown = shown && strings.HasPrefix(line, "|---")
			continue
		}
		last := strings.TrimSpace(cells[len(cells)-1])
		if last == "shown by" {
			shown = true
			continue
		}
		if !shown {
			continue
		}
		proofs := proof.FindAllString(last, -1)
		if proofs == nil {
			problems = append(problems, fmt.Sprintf("%q is shown by no test", cells[0]))
		}
		for _, p := range proofs {
			names, place, _ := strings.Cut(strings.TrimSuffix(p, ")"), " (")
			if long := shortFolder[place]; long != "" {
				place = long
			}
			known := tests(place)
			for _, match := range proofName.FindAllStringSubmatch(names, -1) {
				name := match[1] + match[2]
				if !slices.Contains(known, name) && !strings.HasPrefix(name, "LEAK_CALLS=") {
					problems = append(problems, fmt.Sprintf("%s has no test %q", place, name))
				}
			}
		}
	}
	return problems
}

// testsAt gives the names of the tests in a folder: of Go's functions, their scripts, and the behaviours of a contract; or of a file of another language.
func testsAt(t *testing.T, place string) []string {
	t.Helper()
	if strings.HasSuffix(place, ".mjs") {
		var names []string
		for _, match := range regexp.MustCompile(`(?m)^\s*(?:test|it)\("((?:[^"\\]|\\.)+)"`).FindAllStringSubmatch(read(t, place), -1) {
			names = append(names, match[1])
		}
		return names
	}
	var names []string
	for _, file := range files(t, place+"/*.go") {
		text := read(t, file)
		for _, match := range goTest.FindAllStringSubmatch(text, -1) {
			names = append(names, match[1])
		}
		if place == "ledger/ledgertest" {
			for _, match := range regexp.MustCompile(`(?m)^\t\{"([^"]+)", func`).FindAllStringSubmatch(text, -1) {
				names = append(names, match[1])
			}
		}
	}
	for _, file := range files(t, place+"/testdata/script/*.txtar", place+"/testdata/*.txtar") {
		base := file[strings.LastIndexByte(file, '/')+1:]
		names = append(names, "TestCommandLine/"+strings.TrimSuffix(base, ".txtar"))
	}
	return names
}

func TestEveryPromiseNamesATestThatIsThere(t *testing.T) {
	page := read(t, "docs/guarantees.md")
	if n := strings.Count(page, "shown by"); n == 0 || strings.Count(page, "`Test") < 50 {
		t.Fatal("the page has no promises any more")
	}
	report(t, unprovenPromises(page, func(place string) []string { return testsAt(t, place) }))
}

func TestPromisesWithoutATestAreFound(t *testing.T) {
	const page = `
| event | what is promised | shown by |
|---|---|---|
| a | b | ` + "`TestHere`" + ` (ledger), "it holds", "it is gone" (ledgertest) |
| b | c | ` + "`TestHere`, `TestGone`" + ` (endtoend), and more of it |
| c | d | looking at it |

| other | columns |
|---|---|
| d | e |
`
	there := map[string][]string{"ledger": {"TestHere"}, "ledger/ledgertest": {"it holds"}, "internal/endtoend": {"TestHere"}}
	expect(t, unprovenPromises(page, func(place string) []string { return there[place] }),
		`ledger/ledgertest has no test "it is gone"`,
		`internal/endtoend has no test "TestGone"`,
		`"c" is shown by no test`)
}
