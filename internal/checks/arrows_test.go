package checks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/whipper-sidecar/whipper"

// arrows says which rooms, the module's top folders, or packages within one, each room may import. A room may always import itself. Where a package
// within a room has a line of its own, that holds for it. Tests are free to look at anything, so they are not asked.
var arrows = map[string][]string{
	"cmd":                         {"conformance", "internal", "jsonrpc", "ledger", "migrations", "sdk-go", "sdk-node", "sdk-python", "server", "supervisor"},
	"bench":                       {"jsonrpc", "ledger", "sdk-go", "server", "supervisor"},
	"conformance":                 {"jsonrpc"},
	"examples":                    {"sdk-go"},
	"internal":                    {"jsonrpc", "ledger", "server", "supervisor"},
	"internal/config":             {"ledger", "supervisor"},
	"internal/telemetry":          {},
	"internal/telemetry/signals":  {},
	"internal/telemetry/otlptest": {},
	"internal/monitor":            {},
	"internal/chaos":              {"sdk-go"},
	"internal/ownership":          {},
	"internal/matrix/client":      {"sdk-go"},
	"internal/matrix/worker":      {"sdk-go"},
	"jsonrpc":                     {},
	"ledger":                      {"migrations", "internal/ownership"},
	"migrations":                  {},
	"sdk-go":                      {"jsonrpc"},
	"sdk-node":                    {},
	"sdk-python":                  {},
	"server":                      {"jsonrpc", "ledger", "supervisor", "internal/ownership", "internal/telemetry/signals"},
	"supervisor":                  {"jsonrpc", "ledger", "internal/telemetry/signals"},
}

// reserved names the rooms that may import a library, where that is not every room, or the packages with those below them: by prefix of the
// import path.
var reserved = map[string][]string{
	"database/sql":                       {"bench", "ledger"}, // the bench has a bare loop of statements to hold the ledger's writer against
	"modernc.org/":                       {"bench", "ledger"},
	"github.com/jackc/":                  {"ledger"},
	"github.com/pressly/goose":           {"ledger"},
	"github.com/robfig/cron":             {"ledger"},
	"github.com/urfave/cli":              {"cmd"},
	"github.com/vbauerster/mpb":          {"bench", "cmd", "internal/chaos"},
	"github.com/jedib0t/go-pretty":       {"cmd"},
	"github.com/goccy/go-yaml":           {"internal"},
	"go.opentelemetry.io/contrib":        {"internal/telemetry"}, // all others know OpenTelemetry's API only
	"go.opentelemetry.io/otel/exporters": {"internal/telemetry"},
	"go.opentelemetry.io/otel/sdk":       {"internal/telemetry"},
	"go.opentelemetry.io/proto/otlp":     {"bench", "internal/telemetry"}, // the bench has a collector
	"google.golang.org/grpc":             {"bench", "internal/telemetry"},
	"github.com/prometheus/":             {"internal/telemetry"},
}

// room gives the top folder of a package of this module, or "" for any other package.
func room(importPath string) string {
	rest, ours := strings.CutPrefix(importPath, module+"/")
	if !ours {
		return ""
	}
	first, _, _ := strings.Cut(rest, "/")
	return first
}

// within says whether a package is one that is named by its folder, or below it.
func within(importPath, folder string) bool {
	return strings.HasPrefix(importPath+"/", module+"/"+folder+"/")
}

// forbiddenImports returns the edges of an import graph that arrows or reserved do not allow.
func forbiddenImports(imports map[string][]string) []string {
	var problems []string
	for _, from := range slices.Sorted(maps.Keys(imports)) {
		home := room(from)
		allowed, known := arrows[strings.TrimPrefix(from, module+"/")]
		if !known {
			allowed, known = arrows[home]
		}
		if !known {
			problems = append(problems, fmt.Sprintf("%s: room %q has no line in arrows", from, home))
			continue
		}
		for _, to := range imports[from] {
			if there := room(to); there != "" && there != home && !slices.ContainsFunc(allowed, func(folder string) bool { return within(to, folder) }) {
				problems = append(problems, fmt.Sprintf("%s must not import %s", from, to))
			}
			for prefix, rooms := range reserved {
				if strings.HasPrefix(to, prefix) && !slices.ContainsFunc(rooms, func(room string) bool { return within(from, room) }) {
					problems = append(problems, fmt.Sprintf("%s must not import %s: only %v may", from, to, rooms))
				}
			}
		}
	}
	return problems
}

func TestPackagesImportOnlyAlongTheArrows(t *testing.T) {
	decoder := json.NewDecoder(strings.NewReader(run(t, "go", "list", "-e", "-json=ImportPath,Imports", "./...")))
	imports := map[string][]string{}
	for {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		err := decoder.Decode(&pkg)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("decode go list: %v", err)
		}
		imports[pkg.ImportPath] = pkg.Imports
	}
	if len(imports) < 2 {
		t.Fatalf("go list named %d packages", len(imports))
	}
	report(t, forbiddenImports(imports))
}

func TestImportsAgainstTheArrowsAreFound(t *testing.T) {
	for _, test := range []struct {
		name string
		from string
		to   string
		want string // "" if allowed
	}{
		{"cmd may import the server", "cmd/whipper", module + "/server", ""},
		{"cmd may embed an SDK", "cmd/whipper", module + "/sdk-node", ""},
		{"the server may import the supervisor", "server", module + "/supervisor", ""},
		{"the supervisor may import the ledger", "supervisor", module + "/ledger", ""},
		{"the configuration may import the supervisor", "internal/config", module + "/supervisor", ""},
		{"the ledger may import its migrations", "ledger", module + "/migrations", ""},
		{"the ledger may import the SQLite driver", "ledger", "modernc.org/sqlite", ""},
		{"a room may import its own parts", "ledger/sub", module + "/ledger", ""},
		{"anyone may import the standard library", "jsonrpc", "encoding/json", ""},
		{
			"the server must not import cmd", "server", module + "/cmd/whipper",
			module + "/server must not import " + module + "/cmd/whipper",
		},
		{
			"the supervisor must not import the server", "supervisor", module + "/server",
			module + "/supervisor must not import " + module + "/server",
		},
		{
			"the configuration must not know where a pool runs", "internal/config", module + "/server",
			module + "/internal/config must not import " + module + "/server",
		},
		{
			"the ledger must not know JSON-RPC", "ledger", module + "/jsonrpc",
			module + "/ledger must not import " + module + "/jsonrpc",
		},
		{
			"jsonrpc imports nothing of ours", "jsonrpc", module + "/ledger",
			module + "/jsonrpc must not import " + module + "/ledger",
		},
		{
			"only the ledger imports its migrations", "supervisor", module + "/migrations",
			module + "/supervisor must not import " + module + "/migrations",
		},
		{
			"only the ledger imports a driver", "server", "modernc.org/sqlite",
			module + "/server must not import modernc.org/sqlite: only [bench ledger] may",
		},
		{
			"only the ledger imports goose", "migrations", "github.com/pressly/goose/v3",
			module + "/migrations must not import github.com/pressly/goose/v3: only [ledger] may",
		},
		{"telemetry may import exporters", "internal/telemetry", "go.opentelemetry.io/otel/exporters/prometheus", ""},
		{"what telemetry's tests use may too", "internal/telemetry/otlptest", "google.golang.org/grpc", ""},
		{"the supervisor may import the names of signals", "supervisor", module + "/internal/telemetry/signals", ""},
		{
			"the supervisor must not import the exporters with them", "supervisor", module + "/internal/telemetry",
			module + "/supervisor must not import " + module + "/internal/telemetry",
		},
		{"anyone may import OpenTelemetry's API", "supervisor", "go.opentelemetry.io/otel/trace", ""},
		{
			"only telemetry imports exporters", "internal/config", "go.opentelemetry.io/otel/exporters/prometheus",
			module + "/internal/config must not import go.opentelemetry.io/otel/exporters/prometheus: only [internal/telemetry] may",
		},
		{
			"not even cmd imports the SDK", "cmd/whipper", "go.opentelemetry.io/otel/sdk/trace",
			module + "/cmd/whipper must not import go.opentelemetry.io/otel/sdk/trace: only [internal/telemetry] may",
		},
		{
			"a name that only begins alike is another", "internal/telemetryless", "google.golang.org/grpc",
			module + "/internal/telemetryless must not import google.golang.org/grpc: only [bench internal/telemetry] may",
		},
		{
			"a new room needs a line", "util", "fmt",
			module + `/util: room "util" has no line in arrows`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := forbiddenImports(map[string][]string{module + "/" + test.from: {test.to}})
			if test.want == "" {
				expect(t, got)
			} else {
				expect(t, got, test.want)
			}
		})
	}
}
