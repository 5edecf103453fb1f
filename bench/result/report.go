// Package result keeps what the bench has found, and shows it as a table, as JSON and as a chart. It measures nothing.
package result

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Report is all that a run of the bench has found.
type Report struct {
	Began    time.Time         `json:"began"`
	Source   string            `json:"source"` // what git describe says of it
	Size     string            `json:"size"`   // full or quick
	Machine  Machine           `json:"machine"`
	Versions map[string]string `json:"versions"` // by program
	Works    []*Work           `json:"works"`

	// Progress is told what is measured now.
	Progress func(text string) `json:"-"`
}

// Work begins a work.
func (r *Report) Work(name, settings string) *Work {
	w := &Work{Name: name, Settings: settings, progress: r.Progress}
	r.Works = append(r.Works, w)
	return w
}

// WriteJSON writes all of it, each turn's figures and the rows that they come to.
func (r *Report) WriteJSON(path string) error {
	rows, err := r.Rows()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(struct {
		*Report
		Rows []Row `json:"rows"`
	}{r, rows}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// Read reads what WriteJSON has written.
func Read(path string) (*Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%s is not a result of the bench: %w", path, err)
	}
	return &r, nil
}
