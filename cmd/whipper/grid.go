package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// gridColumn is one column of a grid.
type gridColumn struct {
	name  string
	right bool // aligned so
	spare int  // a terminal that is too narrow does without the column, the highest first; 0: never
}

// grid is a table that is made to fit a terminal. Elsewhere it has all its columns, and whole texts.
type grid struct {
	columns  []gridColumn
	rows     [][]string
	cut      string // name of the column whose texts are cut first, down to shortest
	headless bool   // goes on below another
}

// shortest is how much is left of a text that is cut.
const shortest = 10

// fit is the table at a width, of which 0 has no end, and whether it is no wider.
func (g *grid) fit(width int) (string, bool) {
	for columns := g.columns; ; {
		whole := g.render(columns, 0)
		excess := text.LongestLineLen(whole) - width
		if width == 0 || excess <= 0 {
			return whole, true
		}
		cut := g.render(columns, max(shortest, g.longest()-excess))
		if text.LongestLineLen(cut) <= width {
			return cut, true
		}
		spare := slices.MaxFunc(columns, func(a, b gridColumn) int { return a.spare - b.spare })
		if spare.spare == 0 {
			return cut, false
		}
		columns = slices.DeleteFunc(slices.Clone(columns), func(c gridColumn) bool { return c == spare })
	}
}

// without takes a column out.
func (g *grid) without(name string) {
	i := slices.IndexFunc(g.columns, func(c gridColumn) bool { return c.name == name })
	g.columns = slices.Delete(g.columns, i, i+1)
	for n, row := range g.rows {
		g.rows[n] = slices.Delete(row, i, i+1)
	}
}

// split is two tables: one without some of the columns, and one of those and of the columns that name a row.
func (g *grid) split(apart, naming []string) (one, other *grid) {
	one, other = &grid{cut: g.cut}, &grid{cut: g.cut}
	one.rows, other.rows = make([][]string, len(g.rows)), make([][]string, len(g.rows))
	for i, c := range g.columns {
		for _, to := range []*grid{one, other} {
			if slices.Contains(naming, c.name) || slices.Contains(apart, c.name) == (to == other) {
				to.columns = append(to.columns, c)
				for n := range g.rows {
					to.rows[n] = append(to.rows[n], g.rows[n][i])
				}
			}
		}
	}
	return one, other
}

// all says whether a column has the same text in every row.
func (g *grid) all(name, text string) bool {
	i := slices.IndexFunc(g.columns, func(c gridColumn) bool { return c.name == name })
	return !slices.ContainsFunc(g.rows, func(row []string) bool { return row[i] != text })
}

// paragraphs is each row by itself, with a line for each of its cells.
func (g *grid) paragraphs() string {
	widest := 0
	for _, c := range g.columns {
		widest = max(widest, len(c.name))
	}
	var b strings.Builder
	for n, row := range g.rows {
		if n > 0 {
			b.WriteByte('\n')
		}
		for i, c := range g.columns {
			fmt.Fprintf(&b, "%-*s  %s\n", widest, c.name, row[i])
		}
	}
	return b.String()
}

// print writes the table, as well as it fits.
func (g *grid) print(w io.Writer) error {
	text, _ := g.fit(columnsOf(w))
	_, err := io.WriteString(w, text)
	return err
}

// longest is how wide the texts that may be cut are.
func (g *grid) longest() (most int) {
	for i, column := range g.columns {
		for _, row := range g.rows {
			if column.name == g.cut {
				most = max(most, text.StringWidthWithoutEscSequences(row[i]))
			}
		}
	}
	return most
}

// render is the table with these of its columns, and texts cut to most; 0: not cut.
func (g *grid) render(columns []gridColumn, most int) string {
	var header, right []string
	for _, c := range columns {
		header = append(header, c.name)
		if c.right {
			right = append(right, c.name)
		}
	}
	t := newTable(header, right...)
	if g.headless {
		t.ResetHeaders()
	}
	for _, cells := range g.rows {
		var row table.Row
		for i, c := range g.columns {
			switch {
			case !slices.Contains(columns, c):
			case c.name == g.cut && most > 0:
				row = append(row, text.Snip(cells[i], most, "…"))
			default:
				row = append(row, cells[i])
			}
		}
		t.AppendRow(row)
	}
	return t.Render() + "\n"
}

// newTable is a table of columns two spaces apart, without lines. The columns named in right are aligned to the right.
func newTable(header []string, right ...string) table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	row := table.Row{}
	for _, name := range header {
		row = append(row, name)
	}
	t.AppendHeader(row)
	var columns []table.ColumnConfig
	for _, name := range right {
		columns = append(columns, table.ColumnConfig{Name: name, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(columns)
	return t
}
