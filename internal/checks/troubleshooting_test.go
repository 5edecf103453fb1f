package checks

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	space   = regexp.MustCompile(`\s+`)
	ofWords = regexp.MustCompile(`[A-Za-z]{2,}`)
	speaks  = regexp.MustCompile(`^internal/(config|monitor|telemetry|filewatch|ownership)/[^/]*$|^internal/telemetry/signals/`)
)

// unseen are texts that nobody gets to see as they are.
var unseen = []string{
	"no such job", "no such schedule", "job is not in the expected state", // sentinels, for errors.Is: what is told is made of a type of its own
	"request is answered already", "the wait's time is over",
	"snoozed for", // an answer to the supervisor, which passes it on as the snooze that it is
	"the SQLite driver cannot copy a database",                                          // held by the type of the driver that go.mod names
	"Ledger: missing", "Pools: empty, at least one is needed", "]: a second pool named", // options that only a program of ours gives
	"cannot become", "Custom",
	"the ledger is sound", "listening on", "answer in a batch", "what whipper serve runs", // no error
	"the call of", "the submission of", "the wait for", "in the worker", "run again in", // parts of texts of which the rest is there
	"a Date or the text of one", "a number of milliseconds from 0", "a string that is not empty", "an array of strings", // what "… must be …" ends with
	"the path of a module", "a program and its arguments", "time as in 2026-01-02T15:04:05Z", "integer of 0 or more",
	"Client | None", "Worker | None", "datetime | None", "Callable[[str | None], Ask[T]]", "workingStatus=", // code
	"the file is empty: it needs at least a pool, as in pools: default: script: tasks.py", "no pools: add one, as in pools: default: script: tasks.py",
	"stop who listens there (ss -ltnxp shows that), or choose another --listen", "ports below 1024 need root or CAP_NET_BIND_SERVICE", // hints
	"this machine does not have that address; tcp://:PORT listens on all that it has",
	"there is no room for", "as many are", "bytes, which the ledger has", "where the supervisor's own hard limit is",
}

// said is a text as far as it can be looked for: the longest run of it that is the same each time.
func said(format string) string {
	longest := ""
	for piece := range strings.SplitSeq(space.ReplaceAllString(format, " "), "\x00") {
		if piece = strings.Trim(piece, " :;,.()\"'`"); len(piece) > len(longest) {
			longest = piece
		}
	}
	return longest
}

// plainly is a page as the texts on it read.
func plainly(page string) string {
	return strings.NewReplacer("`", "", "\\|", "|").Replace(space.ReplaceAllString(page, " "))
}

// unexplained returns the texts that a page does not have, but for those that nobody sees.
func unexplained(page string, texts []text, among []string) []string {
	var problems []string
	for _, t := range texts {
		words := said(strings.TrimPrefix(strings.ReplaceAll(t.format, "`", ""), "whipper: "))
		if !ofWords.MatchString(words) || strings.Contains(page, words) || slices.Contains(among, words) {
			continue
		}
		problems = append(problems, fmt.Sprintf("%s: docs/troubleshooting.md does not have %q", t.at, words))
	}
	return slices.Compact(problems)
}

func TestEveryErrorTextIsExplained(t *testing.T) {
	page, found := plainly(read(t, "docs/troubleshooting.md")), 0
	for _, file := range files(t, "*.go") {
		room, _, _ := strings.Cut(file, "/")
		ours := slices.Contains([]string{"cmd", "server", "supervisor", "ledger", "jsonrpc", "sdk-go"}, room) || speaks.MatchString(file)
		if strings.HasSuffix(file, "_test.go") || !ours || strings.HasPrefix(file, "ledger/ledgertest/") {
			continue
		}
		texts, err := goTexts(file, read(t, file))
		if err != nil {
			t.Fatal(err)
		}
		found += len(texts)
		report(t, unexplained(page, texts, unseen))
	}
	for _, file := range files(t, "sdk-node/src/*.mjs", "sdk-node/src/*.cjs", "sdk-python/src/*.py") {
		texts := scriptTexts(file, read(t, file))
		found += len(texts)
		report(t, unexplained(page, texts, unseen))
	}
	if found < 700 {
		t.Errorf("only %d texts are in the code", found)
	}
	t.Logf("%d texts", found)
}

func TestUnexplainedTextsAreFound(t *testing.T) {
	page := plainly("| `open ledger \"…\": …`, `the disk is slow`, `no task is named … here` |")
	texts, err := goTexts("a.go", `package a
func (e *E) Error() string { return "it was never " + e.what }
func f() {
	_ = fmt.Errorf("open ledger %q: %w", path, err)
	log.Warn("the disk is slow", "path", path)
	log.Warn("the disk is "+"gone")
	log.Info("all is well")
	return misuse("hint", "there is no %s of that name", what)
}
func g() string { http.Error(w, "you may not ask", 403); fault = "its mode is wrong"; return fmt.Sprintf("%d are too many", n) }
var e = &PathError{Fault: "it is no folder"}`)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, unexplained(page, texts, nil),
		`a.go:2:37: docs/troubleshooting.md does not have "it was never"`,
		`a.go:6: docs/troubleshooting.md does not have "the disk is gone"`,
		`a.go:8: docs/troubleshooting.md does not have "of that name"`,
		`a.go:10: docs/troubleshooting.md does not have "you may not ask"`,
		`a.go:10:66: docs/troubleshooting.md does not have "its mode is wrong"`,
		`a.go:10:106: docs/troubleshooting.md does not have "are too many"`,
		`a.go:11:27: docs/troubleshooting.md does not have "it is no folder"`)
	expect(t, unexplained(page, texts, []string{"it was never", "the disk is gone", "of that name", "you may not ask", "its mode is wrong", "are too many", "it is no folder"}))
	expect(t, unexplained(page, scriptTexts("a.mjs", "throw new OptionsError([`no task is named ${show({a: 1})} here`]);\nnew Error(\"too late\");"), nil),
		`a.mjs:2: docs/troubleshooting.md does not have "too late"`)
	expect(t, unexplained(page, scriptTexts("a.py", "raise E(1)\nraise TypeError(\n  f\"no task is \"\n  f\"named {name!r} here\"\n)\nsys.exit(1); SystemExit(\"it is gone\")\nwhy = 'nobody has said so'  # \"not this one\""), nil),
		`a.py:6: docs/troubleshooting.md does not have "it is gone"`,
		`a.py:7: docs/troubleshooting.md does not have "nobody has said so"`)
	expect(t, unexplained(page, scriptTexts("b.mjs", "/** \"not this one\" */\nproblems.push(\"the value is missing\"); // \"nor this one\""), nil),
		`b.mjs:2: docs/troubleshooting.md does not have "the value is missing"`)
}
