package result

import "fmt"

// Row is a line of the table. Without Theirs it is a figure alone.
type Row struct {
	Work    string  `json:"work"` // and who did it and what was measured of it
	Figure  Figure  `json:"figure"`
	Median  float64 `json:"median"`
	Against string  `json:"against,omitempty"`
	Kind    Kind    `json:"kind,omitempty"` // Against's
	Theirs  float64 `json:"theirs,omitempty"`
	Ratio   float64 `json:"ratio,omitempty"` // median of the turns' ratios
	Target  float64 `json:"target,omitempty"`
	Met     bool    `json:"met"`
	Skipped string  `json:"skipped,omitempty"` // why Against has no figures
}

// Rows are what the works' comparisons come to.
func (r *Report) Rows() ([]Row, error) {
	var rows []Row
	for _, w := range r.Works {
		for _, c := range w.Comparisons {
			row, err := w.row(c)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func (w *Work) row(c Comparison) (Row, error) {
	ours, err := w.contender(c.Ours)
	if err != nil {
		return Row{}, err
	}
	row := Row{Work: w.Name, Figure: c.Figure, Target: c.Target}
	if c.Ours != "whipper" && c.Ours != w.Name {
		row.Work += ", " + c.Ours
	}
	if label := c.Figure.label(); label != "" {
		row.Work += ": " + label
	}
	if row.Median, err = ours.median(c.Figure); err != nil {
		return Row{}, fmt.Errorf("%s: %w", w.Name, err)
	}
	held := row.Median
	if c.Theirs != "" {
		theirs, err := w.contender(c.Theirs)
		if err != nil {
			return Row{}, err
		}
		row.Against, row.Kind, row.Skipped = theirs.Name, theirs.Kind, theirs.Skipped
		if row.Skipped != "" {
			return row, nil
		}
		if row.Theirs, err = theirs.median(c.Figure); err != nil {
			return Row{}, fmt.Errorf("%s: %w", w.Name, err)
		}
		var ratios []float64
		for i := range min(len(ours.Turns), len(theirs.Turns)) {
			if their := theirs.Turns[i][c.Figure]; their != 0 {
				ratios = append(ratios, ours.Turns[i][c.Figure]/their)
			}
		}
		if len(ratios) > 0 {
			row.Ratio = Median(ratios)
		}
		held = row.Ratio
	}
	row.Met = c.Target == 0 || (c.Figure.MoreIsBetter() && held >= c.Target) || (!c.Figure.MoreIsBetter() && held <= c.Target)
	return row, nil
}

func (c *Contender) median(f Figure) (float64, error) {
	var values []float64
	for _, turn := range c.Turns {
		if v, ok := turn[f]; ok {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return 0, fmt.Errorf("%s has no figure %q", c.Name, f)
	}
	return Median(values), nil
}

// target is what the row should come to, as the table shows it.
func (r Row) target() string {
	if r.Target == 0 {
		return ""
	}
	sign := "≤ "
	if r.Figure.MoreIsBetter() {
		sign = "≥ "
	}
	if r.Against != "" {
		return sign + fmt.Sprintf("%.3g×", r.Target)
	}
	return sign + r.Figure.Text(r.Target)
}

func (r Row) verdict() string {
	switch {
	case r.Skipped != "":
		return "not run"
	case r.Target == 0:
		return ""
	case r.Met:
		return "met"
	default:
		return "**missed**"
	}
}
