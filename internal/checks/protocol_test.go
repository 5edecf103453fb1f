package checks

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// protocolConstants returns the values of package jsonrpc's constants whose names begin with prefix, by name's order.
func protocolConstants(t *testing.T, prefix string) []constant.Value {
	t.Helper()
	set := token.NewFileSet()
	var parsed []*ast.File
	for _, name := range files(t, "jsonrpc/*.go") {
		if strings.HasSuffix(name, "_test.go") || path.Dir(name) != "jsonrpc" {
			continue
		}
		file, err := parser.ParseFile(set, name, read(t, name), parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("parse %s: %v", name, err)
		}
		parsed = append(parsed, file)
	}
	// These constants need no imports, so the errors that come of having no importer do not matter.
	config := types.Config{Error: func(error) {}}
	pkg, _ := config.Check("jsonrpc", set, parsed, nil)
	var values []constant.Value
	for _, name := range pkg.Scope().Names() {
		if c, ok := pkg.Scope().Lookup(name).(*types.Const); ok && strings.HasPrefix(name, prefix) {
			values = append(values, c.Val())
		}
	}
	if len(values) == 0 {
		t.Fatalf("package jsonrpc has no constant %s…", prefix)
	}
	return values
}

// undocumentedCode returns what a document does not say of an error code: the number, and the name if it has one.
func undocumentedCode(doc, text string, code int64, name string) []string {
	var problems []string
	number := strconv.FormatInt(code, 10)
	if !regexp.MustCompile(`(^|[^\w-])` + number + `\b`).MatchString(text) {
		problems = append(problems, fmt.Sprintf("%s does not mention error code %s", doc, number))
	}
	if name != "" && !regexp.MustCompile(`\b`+name+`\b`).MatchString(text) {
		problems = append(problems, fmt.Sprintf("%s does not mention %s, error code %s", doc, name, number))
	}
	return problems
}

// undocumentedMethod returns a problem unless the document has the method as code or as a JSON string.
func undocumentedMethod(doc, text, method string) []string {
	if regexp.MustCompile("[`\"]" + regexp.QuoteMeta(method) + "[` \"]").MatchString(text) {
		return nil
	}
	return []string{fmt.Sprintf("%s does not mention method %s", doc, method)}
}

func TestEveryErrorCodeIsDocumented(t *testing.T) {
	for _, doc := range []string{"docs/protocol.md", "docs/troubleshooting.md"} {
		t.Run(doc, func(t *testing.T) {
			text := read(t, doc)
			for _, value := range protocolConstants(t, "Code") {
				code, _ := constant.Int64Val(value)
				name := jsonrpc.Errorf(code, "").Type()
				if code > 1000 && name == "" {
					t.Errorf("jsonrpc: error code %d has no type name", code)
				}
				report(t, undocumentedCode(doc, text, code, name))
			}
		})
	}
}

func TestEveryMethodIsDocumented(t *testing.T) {
	const doc = "docs/protocol.md"
	text := read(t, doc)
	for _, value := range protocolConstants(t, "Method") {
		report(t, undocumentedMethod(doc, text, constant.StringVal(value)))
	}
}

func TestUndocumentedCodesAndMethodsAreFound(t *testing.T) {
	const doc, text = "doc.md", "| 1002 | `TimeoutError` | and `job.get`, `$/ping {}`; {\"method\":\"job.list\"}; a ping; -32700; 12"

	expect(t, undocumentedCode(doc, text, 1002, "TimeoutError"))
	expect(t, undocumentedCode(doc, text, -32700, ""))
	expect(t, undocumentedCode(doc, text, 1003, "WorkerCrashedError"),
		"doc.md does not mention error code 1003",
		"doc.md does not mention WorkerCrashedError, error code 1003")
	expect(t, undocumentedCode(doc, text, 1, ""), "doc.md does not mention error code 1")
	expect(t, undocumentedCode(doc, text, 32700, ""), "doc.md does not mention error code 32700")

	expect(t, undocumentedMethod(doc, text, "job.get"))
	expect(t, undocumentedMethod(doc, text, "job.list"))
	expect(t, undocumentedMethod(doc, text, "$/ping"))
	expect(t, undocumentedMethod(doc, text, "ping"), "doc.md does not mention method ping")
}
