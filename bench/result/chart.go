package result

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"text/template"
)

// The chart's measures, in pixels.
const (
	chartWidth = 960
	chartHead  = 58 // above the first bar
	chartBar   = 24 // from one bar to the next
	chartFoot  = 34
	chartLeft  = 500 // where the scale begins
	chartRight = 60  // after it, for the last bar's figure
)

// bar is how many times as fast as a peer whipper is.
type bar struct {
	Label, Text      string
	Y                int
	X, Width, Target float64 // Target is where its mark stands, or 0
	Faster           bool
	TextX            float64
}

type tick struct {
	X     float64
	Label string
}

var chart = template.Must(template.New("chart").Funcs(template.FuncMap{"xml": escape}).Parse(
	`<svg xmlns="http://www.w3.org/2000/svg" width="{{.Width}}" height="{{.Height}}" viewBox="0 0 {{.Width}} {{.Height}}" font-family="system-ui, sans-serif" font-size="13">
<title>whipper beside its peers</title>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="16" y="24" font-size="16" font-weight="600" fill="#1f2328">How many times as fast as its peers whipper is</text>
<text x="16" y="42" fill="#59636e">{{xml .Machine}}</text>
{{- range .Ticks}}
<line x1="{{printf "%.1f" .X}}" x2="{{printf "%.1f" .X}}" y1="{{$.Top}}" y2="{{$.Bottom}}" stroke="#d1d9e0"/>
<text x="{{printf "%.1f" .X}}" y="{{$.Legend}}" text-anchor="middle" fill="#59636e">{{.Label}}</text>
{{- end}}
{{- range .Bars}}
<text x="{{$.LabelX}}" y="{{.Y}}" dy="13" text-anchor="end" fill="#1f2328">{{xml .Label}}</text>
<rect x="{{printf "%.1f" .X}}" y="{{.Y}}" width="{{printf "%.1f" .Width}}" height="16" rx="2" fill="{{if .Faster}}#2da44e{{else}}#cf222e{{end}}"/>
{{- if .Target}}
<path d="M{{printf "%.1f" .Target}} {{.Y}}v16" stroke="#1f2328" stroke-width="2"/>
{{- end}}
<text x="{{printf "%.1f" .TextX}}" y="{{.Y}}" dy="13" fill="#1f2328">{{.Text}}</text>
{{- end}}
<line x1="{{printf "%.1f" .One}}" x2="{{printf "%.1f" .One}}" y1="{{.Top}}" y2="{{.Bottom}}" stroke="#1f2328"/>
</svg>
`))

// SVG draws a bar for each row that has a peer, on a scale on which twice and half as fast are equally long. Dark marks are targets. The same report gives the same bytes.
func (r *Report) SVG() ([]byte, error) {
	rows, err := r.Rows()
	if err != nil {
		return nil, err
	}
	var shown []Row
	least, most := 0.5, 2.0
	for _, row := range rows {
		if row.Kind == Peer && row.Ratio > 0 {
			shown = append(shown, row)
			least, most = min(least, row.speed()), max(most, row.speed())
		}
	}
	low, high := math.Floor(math.Log2(least)), math.Ceil(math.Log2(most))
	at := func(speed float64) float64 {
		return chartLeft + (math.Log2(speed)-low)/(high-low)*(chartWidth-chartLeft-chartRight)
	}
	bottom := chartHead + chartBar*len(shown)
	view := struct {
		Width, Height, Top, Bottom, Legend, LabelX int
		Machine                                    string
		One                                        float64
		Ticks                                      []tick
		Bars                                       []bar
	}{
		Width: chartWidth, Height: bottom + chartFoot, Top: chartHead - 6, Bottom: bottom, Legend: bottom + 18, LabelX: chartLeft - 12,
		Machine: r.Machine.String(), One: at(1),
	}
	step := max(1, math.Ceil((high-low)/8))
	for power := low; power <= high; power++ {
		if math.Mod(power, step) == 0 { // 1× among them
			view.Ticks = append(view.Ticks, tick{at(math.Exp2(power)), fmt.Sprintf("%g×", math.Exp2(power))})
		}
	}
	for i, row := range shown {
		speed := row.speed()
		b := bar{
			Label: row.Work + " · " + row.Against, Text: ratio(speed), Y: chartHead + chartBar*i, Faster: speed >= 1,
			X: min(at(1), at(speed)), Width: math.Abs(at(speed) - at(1)), TextX: max(at(1), at(speed)) + 6,
		}
		if row.Target > 0 {
			target := row.Target
			if !row.Figure.MoreIsBetter() {
				target = 1 / target
			}
			if target = at(target); target > chartLeft && target < chartWidth {
				b.Target = target
				b.TextX = max(b.TextX, target+6) // beside the mark, not on it
			}
		}
		view.Bars = append(view.Bars, b)
	}
	var out bytes.Buffer
	err = chart.Execute(&out, view)
	return out.Bytes(), err
}

// speed is the ratio, or its inverse where less is better.
func (r Row) speed() float64 {
	if r.Figure.MoreIsBetter() {
		return r.Ratio
	}
	return 1 / r.Ratio
}

func escape(text string) (string, error) {
	var b bytes.Buffer
	err := xml.EscapeText(&b, []byte(text))
	return b.String(), err
}
