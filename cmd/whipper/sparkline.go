package main

import "strings"

// bars are the heights that a sparkline has. The lowest is for nothing at all.
var bars = []rune("▁▂▃▄▅▆▇█")

// sparkline draws one bar for each value, the highest for the largest.
func sparkline(values []int64) string {
	var most int64
	for _, v := range values {
		most = max(most, v)
	}
	var b strings.Builder
	for _, v := range values {
		height := 0
		if v > 0 {
			height = int((v*int64(len(bars)-1) + most - 1) / most)
		}
		b.WriteRune(bars[height])
	}
	return b.String()
}
