package config

import (
	"errors"
	"testing"

	"golang.org/x/tools/txtar"
)

// Whatever a file holds, it is either good for a supervisor or refused with a place within it.
func FuzzFile(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/problems.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range archive.Files {
		f.Add(string(file.Data))
	}
	f.Add("x: &a {max-workers: 2}\ndefaults: *a\npools:\n  a: {<<: *a, script: 'a.py', env: {A: \"${SET:-x}$$\"}}\n")
	f.Fuzz(func(t *testing.T, content string) {
		file, err := readText(content)
		var refused *FileError
		switch {
		case err == nil && len(file.Pools) == 0:
			t.Error("a file without pools is accepted")
		case err != nil && !errors.As(err, &refused):
			t.Errorf("%T: %v", err, err)
		case err != nil:
			for _, p := range refused.Problems {
				if p.Line < 0 || p.Line > len(refused.lines) || p.Text == "" {
					t.Errorf("problem %+v in a file of %d lines", p, len(refused.lines))
				}
			}
			_ = err.Error()
		}
		for _, p := range poolsOf(file) {
			if (p.Script == "") == (len(p.Command) == 0) || p.MinWorkers < 1 || !PoolName.MatchString(p.Pool) {
				t.Errorf("pool %+v is accepted", p)
			}
		}
	})
}

func poolsOf(f *File) []*Pool {
	if f == nil {
		return nil
	}
	return f.Pools
}
