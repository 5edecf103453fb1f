package result

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Markdown is the table, and what was measured with what on which machine.
func (r *Report) Markdown() (string, error) {
	rows, err := r.Rows()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	ofNote := func(r Row) bool { return r.Target > 0 || r.Kind == Peer }
	writeRows(&b, "Targets and peers", rows, ofNote)
	writeRows(&b, "Other figures", rows, func(r Row) bool { return !ofNote(r) })
	fmt.Fprint(&b, "### How\n\n")
	fmt.Fprintf(&b, "%s, source %s, %s sizes, %s.\n\n", r.Machine, r.Source, r.Size, r.Began.UTC().Format("2006-01-02"))
	for _, program := range slices.Sorted(maps.Keys(r.Versions)) {
		fmt.Fprintf(&b, "- %s: %s\n", program, r.Versions[program])
	}
	r.settings(&b)
	return b.String(), nil
}

// writeRows writes a table of the rows that belong in it.
func writeRows(b *strings.Builder, title string, rows []Row, belongs func(Row) bool) {
	fmt.Fprintf(b, "### %s\n\n", title)
	fmt.Fprintln(b, "| work | whipper | beside | its | ratio | target | |")
	fmt.Fprintln(b, "|---|---:|---|---:|---:|---:|---|")
	for _, row := range rows {
		if !belongs(row) {
			continue
		}
		cells := []string{row.Work, row.Figure.Text(row.Median), row.Against, "", "", row.target(), row.verdict()}
		if row.Skipped != "" {
			cells[3] = "skipped: " + row.Skipped
		} else if row.Against != "" {
			cells[3], cells[4] = row.Figure.Text(row.Theirs), ratio(row.Ratio)
		}
		writeCells(b, cells)
	}
	fmt.Fprintln(b)
}

// settings tells how each work was done, and what each contender promises meanwhile.
func (r *Report) settings(b *strings.Builder) {
	fmt.Fprintln(b, "\n| work | how |")
	fmt.Fprintln(b, "|---|---|")
	for _, w := range r.Works {
		if w.Settings != "" {
			writeCells(b, []string{w.Name, w.Settings})
		}
	}
	peers := make(map[string][]string)
	for _, w := range r.Works {
		for _, c := range w.Contenders {
			if c.Kind == Peer && c.Skipped == "" {
				peers[c.Name] = []string{c.Name, c.Version, c.Settings, c.Guarantee}
			}
		}
	}
	if len(peers) == 0 {
		return
	}
	fmt.Fprintln(b, "\n| peer | version | settings | what it promises |")
	fmt.Fprintln(b, "|---|---|---|---|")
	for _, name := range slices.Sorted(maps.Keys(peers)) {
		writeCells(b, peers[name])
	}
}

func writeCells(b *strings.Builder, cells []string) {
	for _, cell := range cells {
		cell = strings.ReplaceAll(strings.Join(strings.Fields(cell), " "), "|", `\|`)
		fmt.Fprintf(b, "| %s ", cell)
	}
	fmt.Fprintln(b, "|")
}

func ratio(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f×", v)
	}
	return fmt.Sprintf("%.3g×", v)
}
