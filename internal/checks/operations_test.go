package checks

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

var (
	metric      = regexp.MustCompile(`\bwhipper_[a-z_]+`)
	ofMetric    = regexp.MustCompile(`(_seconds|_bytes)?(_bucket|_sum|_count|_total)?$`)
	labels      = regexp.MustCompile(`^whipper_(pool|outcome|queue_state|worker_state|exit_reason|ledger_file)$`)
	systemdUnit = regexp.MustCompile("(?ms)^```ini\n# /etc/systemd/system/([\\w@.-]+)\n(.*?)^```")
	yamlBlock   = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")
)

// unknownMetrics returns the names in the form of Prometheus that a page has and no metric.
func unknownMetrics(page, text string, known []string) []string {
	var problems []string
	for _, name := range metric.FindAllString(text, -1) {
		plain := ofMetric.ReplaceAllString(name, "")
		if !labels.MatchString(name) && !slices.Contains(known, plain) && !slices.Contains(known, name) {
			problems = append(problems, fmt.Sprintf("%s: %s is no metric", page, name))
		}
	}
	return problems
}

// metrics are the names of all metrics, as Prometheus writes them but for unit and kind.
func metrics(t *testing.T) []string {
	t.Helper()
	const file = "internal/telemetry/signals/names.go"
	parsed, err := parser.ParseFile(token.NewFileSet(), file, read(t, file), parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Metric") {
			value := constant.StringVal(constant.MakeFromLiteral(spec.Values[0].(*ast.BasicLit).Value, token.STRING, 0))
			names = append(names, strings.ReplaceAll(value, ".", "_"))
		}
		return true
	})
	if len(names) == 0 {
		t.Fatalf("%s names no metric", file)
	}
	return names
}

func TestEveryMetricInTheDocsIsOne(t *testing.T) {
	for _, page := range files(t, "docs/*.md", "README.md") {
		report(t, unknownMetrics(page, read(t, page), metrics(t)))
	}
	if !strings.Contains(read(t, "docs/operations.md"), "whipper_queue_oldest_seconds") {
		t.Error("operations.md says nothing of what to alert on")
	}
}

func TestUnknownMetricsAreFound(t *testing.T) {
	const text = `rate(whipper_call_duration_seconds_bucket{whipper_pool="a"}[5m]) whipper_call_active whipper_call_passive whipper_forks_total`
	expect(t, unknownMetrics("a.md", text, []string{"whipper_call_duration", "whipper_call_active"}),
		"a.md: whipper_call_passive is no metric",
		"a.md: whipper_forks_total is no metric")
}

// systemd itself says whether it understands the unit.
func TestTheUnitInTheDocsIsOneForSystemd(t *testing.T) {
	units := systemdUnit.FindAllStringSubmatch(read(t, "docs/operations.md"), -1)
	if len(units) == 0 {
		t.Fatal("operations.md has no unit")
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze")
	}
	for _, unit := range units {
		path := filepath.Join(t.TempDir(), unit[1])
		// What it starts is not installed here.
		text := regexp.MustCompile(`(?m)^ExecStart=\S+`).ReplaceAllString(unit[2], "ExecStart=/bin/true")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", path).CombinedOutput()
		for line := range strings.SplitSeq(string(out), "\n") {
			if strings.Contains(line, unit[1]) && !strings.Contains(line, "notify-reload") { // which it knows from 253 on
				t.Errorf("systemd-analyze verify: %v: %s", err, line)
			}
		}
	}
}

func TestTheYAMLInTheDocsCanBeRead(t *testing.T) {
	for _, page := range files(t, "docs/*.md") {
		for _, block := range yamlBlock.FindAllStringSubmatch(read(t, page), -1) {
			var any any
			if err := yaml.Unmarshal([]byte(block[1]), &any); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}
