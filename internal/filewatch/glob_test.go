package filewatch

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestGlobsMeanTheseFilesAndFolders(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "lib", "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		glob          string
		meant, not    []string // files
		looked, spare []string // folders
	}{
		{
			glob: "tasks.py", meant: []string{"tasks.py"}, not: []string{"other.py", "lib/tasks.py"},
			looked: []string{"."}, spare: []string{"lib"},
		},
		{
			glob: "*.py", meant: []string{"a.py", ".hidden.py"}, not: []string{"a.pyc", "lib/a.py", "a.py~", ".#a.py"},
			looked: []string{"."}, spare: []string{"lib"},
		},
		{
			glob: "**/*.py", meant: []string{"a.py", "lib/a.py", "lib/deep/er/a.py"},
			not:    []string{"a.js", ".git/a.py", "lib/__pycache__/a.py", ".venv/lib/a.py", "node_modules/x/a.py"},
			looked: []string{".", "lib", "any/where"}, spare: []string{".git", "lib/node_modules", "lib/.venv/bin"},
		},
		{
			glob: "lib", meant: []string{"lib/a.txt", "lib/deep/b"}, not: []string{"a.txt", "lib/.a.txt.swp", "lib/#a#"},
			looked: []string{".", "lib", "lib/deep"}, spare: []string{"other"},
		},
		{
			glob: "lib/*/x.py", meant: []string{"lib/deep/x.py"}, not: []string{"lib/x.py", "lib/deep/er/x.py"},
			looked: []string{".", "lib", "lib/any"}, spare: []string{"lib/any/more", "other"},
		},
		{
			glob: "to/come/*.{js,mjs}", meant: []string{"to/come/a.mjs"}, not: []string{"to/a.mjs", "to/come/a.ts"},
			looked: []string{".", "to", "to/come"}, spare: []string{"lib"},
		},
		{
			glob: "{lib/deep,src}/*.py", meant: []string{"lib/deep/a.py", "src/a.py"}, not: []string{"lib/a.py"},
			looked: []string{".", "lib", "lib/deep", "src"}, spare: []string{"src/.git"},
		},
		{
			glob: "node_modules/mine/**/*.js", meant: []string{"node_modules/mine/a.js"}, not: []string{"node_modules/mine/node_modules/a.js"},
			looked: []string{"node_modules", "node_modules/mine/lib"}, spare: []string{"node_modules/other", "node_modules/mine/.git"},
		},
		{
			glob: `a\*b/*.py`, meant: []string{"a*b/x.py"}, not: []string{"aab/x.py"},
			looked: []string{"a*b"}, spare: []string{"aab"},
		},
	} {
		g, err := parseGlob(test.glob, dir)
		if err != nil {
			t.Errorf("%s: %v", test.glob, err)
			continue
		}
		w := &Watcher{globs: []*glob{g}}
		for want, paths := range map[bool][]string{true: test.meant, false: test.not} {
			for _, path := range paths {
				if got := w.matches(filepath.Join(dir, path)); got != want {
					t.Errorf("%s: file %s: meant is %v", test.glob, path, got)
				}
			}
		}
		for want, paths := range map[bool][]string{true: test.looked, false: test.spare} {
			for _, path := range paths {
				if got := g.mayHold(filepath.Join(dir, path)); got != want {
					t.Errorf("%s: folder %s: looked into is %v", test.glob, path, got)
				}
			}
		}
	}
}

func TestAGlobThatIsNoneIsRefused(t *testing.T) {
	for _, text := range []string{"", "a[", "{a,b", "**/[a-"} {
		var wrong *PatternError
		if _, err := parseGlob(text, "/"); !errors.As(err, &wrong) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAGlobElsewhereIsWatchedFromTheNearestFolder(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	g, err := parseGlob(filepath.Join(elsewhere, "to", "come", "*.py"), dir)
	if err != nil {
		t.Fatal(err)
	}
	if g.root != elsewhere {
		t.Errorf("watched from %s, want %s", g.root, elsewhere)
	}
}
