package filewatch

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// ignored are folders that hold no source, by name, wherever below a glob's base they are.
var ignored = []string{".git", "node_modules", ".venv", "__pycache__"}

// leftByEditors are files that come and go while somebody types.
var leftByEditors = []string{"*~", ".*.sw[a-p]", ".#*", "#*#"}

// PatternError says that a glob is none.
type PatternError struct{ Pattern, Why string }

func (e *PatternError) Error() string { return fmt.Sprintf("%q is no pattern: %s", e.Pattern, e.Why) }

// Check says which of the patterns is none, as a *PatternError.
func Check(patterns []string) error {
	for _, text := range patterns {
		if _, err := parseGlob(text, "/"); err != nil {
			return err
		}
	}
	return nil
}

// glob is one pattern, split into a folder and what is matched below it.
type glob struct {
	text     string   // as it was given
	base     string   // absolute
	root     string   // watched from here down to base, so that base may come and go
	pattern  string   // below base
	segments []string // of pattern, one for each level of folders and the last for files; nil: any level
}

// parseGlob reads a pattern; a relative one is meant from dir. A folder means everything in it.
func parseGlob(text, dir string) (*glob, error) {
	if text == "" {
		return nil, &PatternError{text, "it is empty"}
	}
	if !doublestar.ValidatePattern(text) {
		return nil, &PatternError{text, "a bracket or brace is not closed"}
	}
	base, pattern := doublestar.SplitPattern(filepath.ToSlash(text))
	if !filepath.IsAbs(base) {
		base = filepath.Join(dir, base)
	}
	base = filepath.Clean(base)
	if whole := filepath.Join(base, pattern); isDir(whole) {
		base, pattern = whole, "**"
	}
	g := &glob{text: text, base: base, pattern: pattern, root: dir}
	if !within(base, dir) {
		for g.root = base; !isDir(g.root) && filepath.Dir(g.root) != g.root; {
			g.root = filepath.Dir(g.root)
		}
	}
	if segments := strings.Split(pattern, "/"); !slices.ContainsFunc(segments, spansLevels) {
		g.segments = segments
	}
	return g, nil
}

// spansLevels says whether a segment may stand for several: ** does, and a brace may have a slash in it.
func spansLevels(segment string) bool {
	return strings.Contains(segment, "**") || strings.Count(segment, "{") != strings.Count(segment, "}")
}

// matches says whether a file is meant.
func (g *glob) matches(path string) bool {
	if !within(path, g.base) || path == g.base {
		return false
	}
	name := filepath.Base(path)
	if slices.ContainsFunc(leftByEditors, func(p string) bool { return doublestar.MatchUnvalidated(p, name) }) {
		return false
	}
	below := filepath.ToSlash(path[len(strings.TrimSuffix(g.base, "/"))+1:])
	return doublestar.MatchUnvalidated(g.pattern, below)
}

// mayHold says whether there may be, now or later, a file in a folder or below that is meant.
func (g *glob) mayHold(dir string) bool {
	if within(g.base, dir) {
		return within(dir, g.root)
	}
	if !within(dir, g.base) {
		return false
	}
	levels := strings.Split(filepath.ToSlash(dir[len(strings.TrimSuffix(g.base, "/"))+1:]), "/")
	if slices.ContainsFunc(levels, func(name string) bool { return slices.Contains(ignored, name) }) {
		return false
	}
	if g.segments == nil {
		return true
	}
	if len(levels) >= len(g.segments) {
		return false
	}
	for i, name := range levels {
		if !doublestar.MatchUnvalidated(g.segments[i], name) {
			return false
		}
	}
	return true
}

// within says whether a path is a folder or lies in it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
