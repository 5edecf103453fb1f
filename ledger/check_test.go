package ledger

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestCheckFindsDamageInsideTheFile(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	jobs := make([]Job, 500)
	for i := range jobs {
		jobs[i] = Job{Pool: "default", Method: "echo", Params: []byte(`["0123456789012345678901234567890123456789"]`)}
	}
	if _, err := l.Submit(t.Context(), jobs); err != nil {
		t.Fatal(err)
	}
	if err := l.Check(t.Context()); err != nil {
		t.Errorf("a sound ledger: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	path := filepath.Join(dir, fileName)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(content) / 2; i < len(content)/2+8192; i++ {
		content[i] = 0xa5
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatalf("the damage is not where the reader looks first: %v", err)
	}
	defer r.Close()
	var damaged *DamagedError
	if err := r.Check(t.Context()); !errors.As(err, &damaged) {
		t.Errorf("a damaged ledger: %v", err)
	}
}
