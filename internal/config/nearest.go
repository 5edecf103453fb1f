package config

import (
	"strings"

	"github.com/xrash/smetrics"
)

// Nearest returns the name that is a few slips of the finger away from word, or "".
func Nearest(word string, names []string) string {
	best, distance := "", max(2, len(word)/3)+1
	for _, name := range names {
		d := smetrics.WagnerFischer(strings.ToLower(word), strings.ToLower(name), 1, 1, 1)
		if d < distance && d < len(name) {
			best, distance = name, d
		}
	}
	return best
}
