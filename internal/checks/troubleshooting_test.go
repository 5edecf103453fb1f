package checks

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// text is one that a user may come to see, and where it is in the code.
type text struct {
	at, format string
}

var (
	verb    = regexp.MustCompile(`%(?:\[\d+\])?[-+# 0]*[\d.*]*[a-zA-Z%]`)
	space   = regexp.MustCompile(`\s+`)
	ofWords = regexp.MustCompile(`[A-Za-z]{2,}`)
	speaks  = regexp.MustCompile(`^internal/(config|monitor|telemetry|filewatch)/[^/]*$|^internal/telemetry/signals/`)
)

// unseen are texts that nobody gets to see as they are.
var unseen = []string{
	"no such job", "no such schedule", "job is not in the expected state", // sentinels, for errors.Is: what is told is made of a type of its own
	"request is answered already", "the wait's time is over",
	"snoozed for", // an answer to the supervisor, which passes it on as the snooze that it is
	"the SQLite driver cannot copy a database",                                          // held by the type of the driver that go.mod names
	"Ledger: missing", "Pools: empty, at least one is needed", "]: a second pool named", // options that only a program of ours gives
	"cannot become", "Custom",
}

// speakers are the functions and methods whose argument of that number is a text for users.
var speakers = map[string]int{
	"fmt.Errorf": 0, "errors.New": 0, "jsonrpc.Errorf": 1, "invalid": 1, "Warn": 0, "Error": 0, "WarnContext": 1, "ErrorContext": 1,
	"misuse": 1, "say": 0, "wrong": 1, "refuse": 0,
}

// goTexts returns the texts in a Go file: what it gives to speakers, and what methods Error return.
func goTexts(name, source string) ([]text, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var texts []text
	ast.Inspect(file, func(n ast.Node) bool {
		if f, ok := n.(*ast.FuncDecl); ok && f.Name.Name == "Error" && f.Recv != nil {
			ast.Inspect(f, func(n ast.Node) bool {
				if e, ok := n.(*ast.BasicLit); ok && e.Kind == token.STRING {
					format, _ := literal(e)
					texts = append(texts, text{set.Position(e.Pos()).String(), verb.ReplaceAllString(format, "\x00")})
				}
				return true
			})
		}
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		speaker := ""
		switch f := call.Fun.(type) {
		case *ast.Ident:
			speaker = f.Name
		case *ast.SelectorExpr:
			speaker = f.Sel.Name
			if x, ok := f.X.(*ast.Ident); ok && (x.Name == "fmt" || x.Name == "errors" || x.Name == "jsonrpc") {
				speaker = x.Name + "." + speaker
			}
		}
		i, ok := speakers[speaker]
		if !ok || len(call.Args) <= i {
			return true
		}
		if format, ok := literal(call.Args[i]); ok {
			position := set.Position(call.Pos())
			texts = append(texts, text{fmt.Sprintf("%s:%d", position.Filename, position.Line), verb.ReplaceAllString(format, "\x00")})
		}
		return true
	})
	return texts, nil
}

// literal is the text of a string, also of one in several pieces.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		x, ok := literal(e.X)
		y, okay := literal(e.Y)
		switch {
		case ok && okay:
			return x + y, true
		case ok:
			return x + "\x00", true
		case okay:
			return "\x00" + y, true
		}
	}
	return "", false
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
	return problems
}

// Errors that are made in Node and Python, with a text to begin with.
var (
	nodeError   = regexp.MustCompile("\\b\\w*Error\\(\\s*\\[?\\s*(`(?:[^`\\\\]|\\\\.)*`|\"(?:[^\"\\\\]|\\\\.)*\")")
	pythonError = regexp.MustCompile(`\b\w*(?:Error|Exit)\(\s*((?:f?"(?:[^"\\]|\\.)*"\s*)+)`)
	nodeHole    = regexp.MustCompile(`\$\{(?:[^{}]|\{[^{}]*\})*\}`)
	pythonHole  = regexp.MustCompile(`\{[^{}]*\}`)
	pythonSeam  = regexp.MustCompile(`"\s*f?"`)
)

// scriptTexts returns the texts in a file of Node or Python.
func scriptTexts(name, source string) []text {
	errors, hole := nodeError, nodeHole
	if strings.HasSuffix(name, ".py") {
		errors, hole = pythonError, pythonHole
	}
	var texts []text
	for _, at := range errors.FindAllStringSubmatchIndex(source, -1) {
		words := pythonSeam.ReplaceAllString(strings.TrimPrefix(strings.TrimSpace(source[at[2]:at[3]]), "f"), "")
		words = strings.NewReplacer(`\"`, `"`, "\\`", "").Replace(hole.ReplaceAllString(words, "\x00"))
		line := 1 + strings.Count(source[:at[0]], "\n")
		texts = append(texts, text{fmt.Sprintf("%s:%d", name, line), words})
	}
	return texts
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
}`)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, unexplained(page, texts, nil),
		`a.go:2:37: docs/troubleshooting.md does not have "it was never"`,
		`a.go:6: docs/troubleshooting.md does not have "the disk is gone"`,
		`a.go:8: docs/troubleshooting.md does not have "of that name"`)
	expect(t, unexplained(page, texts, []string{"it was never", "the disk is gone", "of that name"}))
	expect(t, unexplained(page, scriptTexts("a.mjs", "throw new OptionsError([`no task is named ${show({a: 1})} here`]);\nnew Error(\"too late\");"), nil),
		`a.mjs:2: docs/troubleshooting.md does not have "too late"`)
	expect(t, unexplained(page, scriptTexts("a.py", "raise E(1)\nraise TypeError(\n  f\"no task is \"\n  f\"named {name!r} here\"\n)\nsys.exit(1); SystemExit(\"it is gone\")"), nil),
		`a.py:6: docs/troubleshooting.md does not have "it is gone"`)
}
