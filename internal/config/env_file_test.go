package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func writeEnvFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "some.env")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAnEnvFileIsReadLikeAShellsWithNothingExpanded(t *testing.T) {
	for text, want := range map[string][]string{
		"": nil, "\n \n# a comment\n\t# another": nil,
		"A=1\nB=2":                       {"A=1", "B=2"},
		"A=1\r\nB=2\r\n":                 {"A=1", "B=2"},
		"\ufeffA=1":                      {"A=1"},
		"A=":                             {"A="},
		"  A  =  two words \t":           {"A=two words"},
		"export A=1\nexport=2":           {"A=1", "export=2"},
		"export\tA=1":                    {"A=1"},
		"exported=1":                     {"exported=1"},
		"A=x # a comment":                {"A=x"},
		"A=x#y\nB=#no\nC=a\t#b":          {"A=x#y", "B=", "C=a"},
		"A=é # ü":                        {"A=é"},
		"A=http://x/?a=b&c=d":            {"A=http://x/?a=b&c=d"},
		`A=$HOME\n"x"`:                   {`A=$HOME\n"x"`},
		`A='$HOME\n # "x"' # end`:        {`A=$HOME\n # "x"`},
		`A="a\tb\n\"c\" \$d \\ \w"`:      {"A=a\tb\n\"c\" $d \\ \\w"},
		"A=\"line 1\nline 2\"\nB='3\n4'": {"A=line 1\nline 2", "B=3\n4"},
		"A=\"\"\nB=''":                   {"A=", "B="},
		"A.b-c_1=1":                      {"A.b-c_1=1"},
		"A=1\nA=2":                       {"A=1", "A=2"},
	} {
		got, err := readEnvFile(writeEnvFile(t, text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q:\n%s", text, d)
		}
	}
}

func TestAnErrorInAnEnvFileNamesFileAndLineAndShowsNoValue(t *testing.T) {
	const secret = "hunter2"
	for text, want := range map[string]string{
		"A=1\n\n" + secret:       "line 3: there is no =",
		"A=\"x\\ny\"\n" + secret: "line 2: there is no =", // \n is no line of the file
		"A=\"x\ny\"\n" + secret:  "line 3: there is no =",
		"=" + secret:             "line 1: what stands before = is no name",
		"1A=" + secret:           "line 1: what stands before = is no name",
		"A B=" + secret:          "line 1: what stands before = is no name",
		"# x\nexport =" + secret + "\n export B C=1": "line 3: what stands before = is no name",
		"A='" + secret + "\nB=1\n":                   "line 1: A has no closing '",
		"A=\"" + secret + "\\\"":                     `line 1: A has no closing "`,
		"A=\"" + secret + "\" " + secret:             `line 1: A has something behind its closing "`,
		"A='x'#" + secret:                            "line 1: A has something behind its closing '",
		"A=" + secret + "\x00":                       "line 1: A holds a NUL character",
	} {
		path := writeEnvFile(t, text)
		_, err := readEnvFile(path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, want %s", text, err, want)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%q: the error shows a value: %v", text, err)
		}
	}
	if _, err := readEnvFile(filepath.Join(t.TempDir(), "none.env")); err == nil || !strings.Contains(err.Error(), "none.env") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestWhateverStandsInAnEnvFileReadingItEnds(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([A-Z= '"\\#\n\t]|export )*`).Draw(t, "text")
		path := filepath.Join(dir, "any.env")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		assignments, err := readEnvFile(path)
		if err == nil && len(assignments) > strings.Count(text, "=") {
			t.Errorf("%d assignments", len(assignments))
		}
	})
}

// Whatever it is, the start does not hang: no signal could end it there.
func TestAnEnvFileThatIsAPipeIsReadAndNotWaitedForForEver(t *testing.T) {
	defer func(old time.Duration) { pipePatience = old }(pipePatience)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("A=1\n"); err != nil {
		t.Fatal(err)
	}
	open := fmt.Sprintf("/dev/fd/%d", r.Fd())
	pipePatience = time.Millisecond
	if _, err := readEnvFile(open); err == nil || !strings.Contains(err.Error(), "whose end has not come within 1ms") {
		t.Errorf("a pipe that does not end: %v", err)
	}
	pipePatience = time.Minute
	if _, err := w.WriteString("A=1\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if got, err := readEnvFile(open); err != nil || !slices.Equal(got, []string{"A=1"}) {
		t.Errorf("a pipe: %q %v", got, err)
	}
	silent := filepath.Join(t.TempDir(), "silent")
	if err := syscall.Mkfifo(silent, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readEnvFile(silent); err == nil || !strings.Contains(err.Error(), "a pipe that nobody has written to") {
		t.Errorf("a pipe without a writer: %v", err)
	}
	if _, err := readEnvFile("/dev/zero"); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("a file without an end: %v", err)
	}
}
