package checks

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// builtSQL are the functions of ledger in which SQL is made, or taken from where it was made, of more than constants, and what the rest is.
var builtSQL = map[string]string{
	"Filter.conditions":      "constants, joined; all values are bound",
	"PruneFilter.conditions": "the same",
	"Reader.prepare":         "a list of constants",
	"Reader.list":            "of listQuery",
	"listQuery":              "of Filter.conditions",
	"Reader.Count":           "of Filter.conditions",
	"Reader.export":          "of exportQuery",
	"exportQuery":            "of Filter.conditions",
	"Reader.prunable":        "of prunableQuery",
	"prunableQuery":          "of PruneFilter.conditions",
	"Reader.Prunable":        "of PruneFilter.conditions",
	"Reader.CheckAll":        "the constants of books",
	"conn.emptyWAL":          "constant numbers",
	"batch.insertMany":       "a constant, repeated",
}

// sqlText is a constant that SQL may be made of.
var sqlText = regexp.MustCompile(`\b(?:SELECT|INSERT|UPDATE|DELETE|WHERE|FROM|VALUES|SET|PRAGMA|LIMIT|AND|OR)\b`)

// sqlCheck looks for SQL that is not constant in one package.
type sqlCheck struct {
	set   *token.FileSet
	info  *types.Info
	takes map[*types.Func][]int // functions of the package that pass a parameter on as SQL: which ones
	found map[string][]string   // by function, the places
	more  bool                  // takes has grown
}

func TestSQLIsMadeOfConstants(t *testing.T) {
	found := findBuiltSQL(t, module+"/ledger", load(t, "ledger"))
	for _, function := range slices.Sorted(maps.Keys(found)) {
		if builtSQL[function] == "" {
			t.Errorf("%s: %s has SQL that is not constant: bind the values, or say in builtSQL what it is made of", strings.Join(found[function], ", "), function)
		}
	}
	for function := range builtSQL {
		if found[function] == nil {
			t.Errorf("%s has no such SQL any more: take it out of builtSQL", function)
		}
	}
}

func TestSQLThatIsNotConstantIsFound(t *testing.T) {
	found := findBuiltSQL(t, "evil", map[string]string{"evil.go": `package evil
import ("context"; "database/sql"; "fmt"; "strings")
const fine = "SELECT " + "1"
type reader struct{ db *sql.DB; stmt *sql.Stmt }
func (r *reader) constant(ctx context.Context, x string) { r.db.QueryContext(ctx, fine, x); r.stmt.QueryContext(ctx, x) }
func (r *reader) passes(ctx context.Context, text string) { r.db.QueryContext(ctx, text) }
func (r *reader) calls(ctx context.Context, x string) { r.passes(ctx, fine); r.passes(ctx, x + "") }
func (r *reader) prints(x string) { _ = fmt.Sprintf("DELETE FROM job WHERE id = %s", x) }
func (r *reader) adds(x string) { _ = "SELECT " + x }
func (r *reader) joins(x []string) { _ = strings.Join(x, " AND ") }
func (r *reader) writes(x string) { var b strings.Builder; b.WriteString("PRAGMA "); b.WriteString(x) }
`})
	got := slices.Sorted(maps.Keys(found))
	if want := []string{"reader.adds", "reader.calls", "reader.joins", "reader.prints", "reader.writes"}; !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

// load reads the Go files of a folder that are no tests, and fit this system.
func load(t *testing.T, folder string) map[string]string {
	sources := map[string]string{}
	for _, name := range strings.Fields(run(t, "go", "list", "-f", `{{join .GoFiles " "}}`, "./"+folder)) {
		sources[folder+"/"+name] = read(t, folder+"/"+name)
	}
	return sources
}

// findBuiltSQL gives the places of a package in which SQL is not constant, by function.
func findBuiltSQL(t *testing.T, path string, sources map[string]string) map[string][]string {
	t.Helper()
	exports := map[string]string{}
	list := run(t, "go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}", "./ledger")
	for _, line := range strings.Split(strings.TrimSpace(list), "\n") {
		name, file, _ := strings.Cut(line, "\t")
		exports[name] = file
	}
	c := &sqlCheck{
		set: token.NewFileSet(), takes: map[*types.Func][]int{}, more: true,
		info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}},
	}
	var parsed []*ast.File
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		file, err := parser.ParseFile(c.set, name, sources[name], 0)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, file)
	}
	config := types.Config{Importer: importer.ForCompiler(c.set, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(filepath.Clean(exports[path]))
	})}
	if _, err := config.Check(path, c.set, parsed, c.info); err != nil {
		t.Fatal(err)
	}
	for c.more { // until all that pass a parameter on are known
		c.more, c.found = false, map[string][]string{}
		for _, file := range parsed {
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
					c.function(f)
				}
			}
		}
	}
	return c.found
}

func (c *sqlCheck) function(f *ast.FuncDecl) {
	name := f.Name.Name
	if f.Recv != nil {
		name = strings.TrimPrefix(types.ExprString(f.Recv.List[0].Type), "*") + "." + name
	}
	bad := func(n ast.Node) {
		c.found[name] = append(c.found[name], fmt.Sprintf("%s:%d", c.set.Position(n.Pos()).Filename, c.set.Position(n.Pos()).Line))
	}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			for _, i := range c.sqlArguments(n) {
				if i < len(n.Args) && !c.constant(n.Args[i]) && !c.passedOn(f, n.Args[i]) {
					bad(n)
				}
			}
			if c.builds(n) {
				bad(n)
			}
		case *ast.BinaryExpr:
			if n.Op == token.ADD && !c.constant(n) && (c.isSQL(n.X) || c.isSQL(n.Y)) {
				bad(n)
			}
		}
		return true
	})
}

func (c *sqlCheck) constant(e ast.Expr) bool { return c.info.Types[e].Value != nil }

func (c *sqlCheck) isSQL(e ast.Expr) bool {
	return c.constant(e) && sqlText.MatchString(c.info.Types[e].Value.ExactString())
}

// callee is the function that is called, if that is known.
func (c *sqlCheck) callee(call *ast.CallExpr) *types.Func {
	var name *ast.Ident
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		name = fun
	case *ast.SelectorExpr:
		name = fun.Sel
	default:
		return nil
	}
	f, _ := c.info.Uses[name].(*types.Func)
	return f
}

// sqlArguments says which arguments of a call are SQL: those that database/sql and its drivers call query, and what functions of the package
// pass on to these.
func (c *sqlCheck) sqlArguments(call *ast.CallExpr) (which []int) {
	f := c.callee(call)
	if f == nil || f.Pkg() == nil {
		return nil
	}
	if f.Pkg().Path() != "database/sql" && f.Pkg().Path() != "database/sql/driver" {
		return c.takes[f]
	}
	parameters := f.Signature().Params()
	for i := range parameters.Len() {
		if parameters.At(i).Name() == "query" {
			which = append(which, i)
		}
	}
	return which
}

// passedOn says whether an argument is a parameter of the function around it, which then takes SQL itself.
func (c *sqlCheck) passedOn(f *ast.FuncDecl, arg ast.Expr) bool {
	name, ok := arg.(*ast.Ident)
	if !ok {
		return false
	}
	self, _ := c.info.Defs[f.Name].(*types.Func)
	parameters := self.Signature().Params()
	for i := range parameters.Len() {
		if parameters.At(i) == c.info.Uses[name] {
			if !slices.Contains(c.takes[self], i) {
				c.takes[self], c.more = append(c.takes[self], i), true
			}
			return true
		}
	}
	return false
}

// builds says whether a call puts text together of which some is SQL and some is not constant. Numbers are harmless.
func (c *sqlCheck) builds(call *ast.CallExpr) bool {
	f := c.callee(call)
	if f == nil || f.Pkg() == nil || !slices.ContainsFunc(call.Args, c.isSQL) {
		return false
	}
	switch f.FullName() {
	case "fmt.Sprintf", "fmt.Appendf", "fmt.Fprintf":
		return slices.ContainsFunc(call.Args, func(e ast.Expr) bool {
			basic, ok := c.info.Types[e].Type.Underlying().(*types.Basic)
			return !c.constant(e) && (!ok || basic.Info()&types.IsNumeric == 0)
		})
	case "strings.Join", "strings.ReplaceAll", "strings.Replace", "(*strings.Builder).WriteString":
		return true
	}
	return false
}
