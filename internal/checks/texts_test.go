package checks

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// text is one that a user may come to see, and where it is in the code.
type text struct {
	at, format string
}

var (
	verb    = regexp.MustCompile(`%(?:\[\d+\])?[-+# 0]*[\d.*]*[a-zA-Z%]`)
	ofFault = regexp.MustCompile(`(?:^|\.)(?:\w*Error|fault|why|reason|wrong|Reason)$`)
)

// speakers are the functions and methods whose argument of that number is a text for users.
var speakers = map[string]int{
	"http.Error": 1, "add": 1, "fmt.Errorf": 0, "errors.New": 0, "jsonrpc.Errorf": 1, "invalid": 1, "Warn": 0, "Error": 0, "WarnContext": 1, "ErrorContext": 1,
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
		for _, e := range faults(n) {
			if format, ok := literal(e); ok && strings.Count(format, " ") > 1 && !sqlText.MatchString(format) {
				texts = append(texts, text{set.Position(e.Pos()).String(), verb.ReplaceAllString(format, "\x00")})
			}
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
			if x, ok := f.X.(*ast.Ident); ok && slices.Contains([]string{"fmt", "errors", "http", "jsonrpc"}, x.Name) {
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

// faults are the texts of a node that become a part of an error elsewhere: members of a struct that is one, what is returned, and what a variable
// named for it is set to.
func faults(n ast.Node) (texts []ast.Expr) {
	var among []ast.Expr
	switch n := n.(type) {
	case *ast.CompositeLit:
		if kind, _, _ := strings.Cut(types.ExprString(n.Type), "["); ofFault.MatchString(kind) {
			among = n.Elts
		}
	case *ast.ReturnStmt:
		among = n.Results
	case *ast.AssignStmt:
		for i, to := range n.Lhs {
			if name, ok := to.(*ast.Ident); ok && ofFault.MatchString(name.Name) && len(n.Rhs) > i {
				among = append(among, n.Rhs[i])
			}
		}
	}
	for _, e := range among {
		if member, ok := e.(*ast.KeyValueExpr); ok {
			e = member.Value
		}
		if call, ok := e.(*ast.CallExpr); ok && types.ExprString(call.Fun) == "fmt.Sprintf" {
			e = call.Args[0]
		}
		texts = append(texts, e)
	}
	return texts
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

// Texts in Node and Python, after those of comments and of docstrings are gone. What of them is a part of no error is in unseen.
var (
	nodeText    = regexp.MustCompile("(`(?:[^`\\\\\n]|\\\\.)*`|\"(?:[^\"\\\\\n]|\\\\.)*\")")
	nodeNotes   = regexp.MustCompile(`(?s:/\*\*.*?\*/)|(?m:^\s*//.*$| // .*$)`)
	pythonText  = regexp.MustCompile(`((?:f?(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')\s*)+)`)
	pythonNotes = regexp.MustCompile(`(?s:""".*?""")|(?m:^\s*#.*$|  # .*$)`)
	ofError     = regexp.MustCompile(`(?:Error|Exit)\(\s*\[?\s*$`)
	nodeHole    = regexp.MustCompile(`\$\{(?:[^{}]|\{[^{}]*\})*(?:\}|$)|\\n`)
	pythonHole  = regexp.MustCompile(`\{[^{}]*\}|%s|\\n`)
	pythonSeam  = regexp.MustCompile(`"\s*f?"`)
)

// scriptTexts returns the texts in a file of Node or Python.
func scriptTexts(name, source string) []text {
	form, notes, hole := nodeText, nodeNotes, nodeHole
	if strings.HasSuffix(name, ".py") {
		form, notes, hole = pythonText, pythonNotes, pythonHole
	}
	source = notes.ReplaceAllStringFunc(source, func(note string) string { return strings.Repeat("\n", strings.Count(note, "\n")) })
	var texts []text
	for _, at := range form.FindAllStringSubmatchIndex(source, -1) {
		words := pythonSeam.ReplaceAllString(strings.TrimPrefix(strings.TrimSpace(source[at[2]:at[3]]), "f"), "")
		words = strings.NewReplacer(`\"`, `"`, "\\`", "").Replace(hole.ReplaceAllString(words, "\x00"))
		if strings.Count(words, " ") < 2 && !ofError.MatchString(source[max(0, at[0]-80):at[0]]) {
			continue
		}
		line := 1 + strings.Count(source[:at[0]], "\n")
		texts = append(texts, text{fmt.Sprintf("%s:%d", name, line), words})
	}
	return texts
}
