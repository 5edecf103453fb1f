package ledger

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// statement is an SQL text of the package's source: by the name of its constant or variable, or of the function it is in.
type statement struct{ name, text string }

var isStatement = regexp.MustCompile(`^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b`)

// statements finds every SQL text of the package, so that none is forgotten.
func statements(t *testing.T) (all []statement) {
	t.Helper()
	fset := token.NewFileSet()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var sources []*ast.File
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			source, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			sources = append(sources, source)
		}
	}
	// Other packages are not looked at, which makes errors; constants of text need none of them.
	info := types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	config := types.Config{Importer: nothing{}, Error: func(error) {}}
	_, _ = config.Check("ledger", fset, sources, &info)
	text := func(e ast.Expr) string {
		if v := info.Types[e].Value; v != nil && v.Kind() == constant.String && isStatement.MatchString(constant.StringVal(v)) {
			return constant.StringVal(v)
		}
		return ""
	}
	// name is what the nearest constant, variable or function around a text is called.
	var walk func(root ast.Node, name string)
	walk = func(root ast.Node, name string) {
		ast.Inspect(root, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				name = n.Name.Name
			case *ast.ValueSpec:
				for i, value := range n.Values {
					walk(value, n.Names[i].Name)
				}
				return false
			case *ast.BasicLit, *ast.BinaryExpr:
				if s := text(n.(ast.Expr)); s != "" {
					all = append(all, statement{name, s})
					return false
				}
			}
			return true
		})
	}
	for _, source := range sources {
		walk(source, "")
	}
	return all
}

// nothing imports packages that have nothing in them.
type nothing struct{}

func (nothing) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, path[strings.LastIndexByte(path, '/')+1:])
	p.MarkComplete()
	return p, nil
}

func TestEveryStatementOfThePackageFindsItsRowsByAnIndex(t *testing.T) {
	// What reads all it means to read, or sorts what is few.
	may := map[string]string{
		"books":             "SCAN", // `ledger check` holds everything against everything
		"countsSQL":         "USE TEMP B-TREE FOR GROUP BY",
		"abandonedCountSQL": "USE TEMP B-TREE FOR GROUP BY",            // of what was running
		"newestSQL":         "SCAN job",                                // of one row
		"orphanCountSQL":    "SCAN job USING INDEX job_invoked",        // which has nothing but what is counted
		"orphanJobsSQL":     "SCAN job USING INDEX job_invoked",        // the same
		"exportQuery":       "TestAnExportHoldsWhatItsFilterSelects",   // a beginning; that test has the whole
		"listQuery":         "TestListingsAreServedByTheirIndexes",     // the same
		"Count":             "TestACountSeeksAsItsListingDoes",         // the same
		"prunableSQL":       "TestAPruneSeeksInTheIndexOfWhatHasEnded", // the same
		"nPrunableSQL":      "TestAPruneSeeksInTheIndexOfWhatHasEnded", // the same
	}
	large := regexp.MustCompile(`(?m)^SCAN (job|attempt|payload|rollup)\b|TEMP B-TREE`)
	l := open(t, t.TempDir())
	seen := map[string]bool{}
	for _, s := range statements(t) {
		seen[s.name] = true
		if strings.HasPrefix(may[s.name], "Test") {
			if !hasTest(t, may[s.name]) {
				t.Errorf("there is no %s, which is to look at %s", may[s.name], s.name)
			}
			continue
		}
		if strings.HasSuffix(strings.TrimSpace(s.text), "WHERE") {
			t.Errorf("%s is the beginning of a statement: which test looks at its plan?", s.name)
			continue
		}
		args := make([]any, parameters(s.text))
		plan := explain(t, l.Reader, s.text, args...)
		if large.MatchString(plan) && (may[s.name] == "" || !strings.Contains(plan, may[s.name])) {
			t.Errorf("%s:\n%s\nis planned as\n%s", s.name, s.text, plan)
		}
	}
	for name := range may {
		if !seen[name] {
			t.Errorf("there is no statement %s any more", name)
		}
	}
	if len(seen) < 50 {
		t.Errorf("only %d statements were found", len(seen))
	}
}

// parameters is how many arguments a statement takes.
func parameters(query string) int {
	if numbered := regexp.MustCompile(`\?\d`).FindAllString(query, -1); numbered != nil {
		return int(slices.Max(numbered)[1] - '0')
	}
	return strings.Count(query, "?")
}

// hasTest says whether the package has a test of that name.
func hasTest(t *testing.T, name string) bool {
	t.Helper()
	names, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range names {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(source), "\nfunc "+name+"(t *testing.T) {") {
			return true
		}
	}
	return false
}
