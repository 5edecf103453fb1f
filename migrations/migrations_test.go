package migrations

import (
	"io/fs"
	"regexp"
	"slices"
	"testing"
	"testing/fstest"
)

// A number may be missing: another branch has it, or had it and has given it up.
func TestEveryFileIsNumberedOnceAndNamed(t *testing.T) {
	names, err := fs.Glob(SQLite(), "*")
	if err != nil || len(names) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	form := regexp.MustCompile(`^\d{4}_[a-z0-9_]+\.sql$`)
	for _, name := range names {
		if !form.MatchString(name) {
			t.Errorf("%s is not named NNNN_what.sql", name)
		}
	}
	versions, err := Versions(SQLite())
	if err != nil {
		t.Fatal(err)
	}
	if distinct := slices.Compact(slices.Clone(versions)); versions[0] != 1 || len(distinct) != len(versions) {
		t.Errorf("versions are %v: one is doubled, or the first is missing", versions)
	}
}

func TestEveryTableIsStrict(t *testing.T) {
	create := regexp.MustCompile(`(?is)CREATE TABLE\s+(\w+)\s.*?;`)
	names, _ := fs.Glob(SQLite(), "*.sql")
	for _, name := range names {
		text, err := fs.ReadFile(SQLite(), name)
		if err != nil {
			t.Fatal(err)
		}
		plain := regexp.MustCompile(`--[^\n]*`).ReplaceAll(text, nil)
		for _, m := range create.FindAllSubmatch(plain, -1) {
			if !regexp.MustCompile(`\)\s*STRICT`).Match(m[0]) {
				t.Errorf("%s: table %s is not STRICT", name, m[1])
			}
		}
	}
}

func TestAFileWithoutANumberIsRefused(t *testing.T) {
	if _, err := Latest(fstest.MapFS{"first.sql": {}}); err == nil {
		t.Error("want an error")
	}
}
