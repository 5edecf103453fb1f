package config

import (
	"regexp"
	"testing"

	"github.com/dustin/go-humanize"
	"pgregory.net/rapid"
)

func TestThePatternsOfTextsMeanWhatExpandDoes(t *testing.T) {
	text, variable := regexp.MustCompile(textPattern), regexp.MustCompile(variablePattern)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching("([ab1:\n-]|\\$|\\$\\{|\\$\\{[A-Z_]|\\}|:-)*").Draw(t, "text")
		found := false
		_, err := expand(s, func(string) (string, bool) {
			found = true
			return "", true
		})
		if text.MatchString(s) != (err == nil) {
			t.Errorf("%q is a text: %t; %v", s, err != nil, err)
		}
		if variable.MatchString(s) != (err == nil && found) {
			t.Errorf("%q has a variable: %t, %v", s, found, err)
		}
	})
}

func TestThePatternOfDurationsMeansWhatParseDurationDoes(t *testing.T) {
	pattern := regexp.MustCompile(durationPattern)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`([0-9]{0,2}|\.)(d|ns|us|µs|ms|s|m|h|)(([0-9]{0,2}|\.)(d|us|μs|s|h)){0,3}[0-9]?`).Draw(t, "duration")
		_, err := ParseDuration(s)
		if pattern.MatchString(s) != (err == nil) && s != "" { // which is for others to refuse
			t.Errorf("%q is a duration: %t; %v", s, err == nil, err)
		}
	})
}

func TestThePatternOfSizesMeansWhatHumanizeDoes(t *testing.T) {
	pattern := regexp.MustCompile(sizePattern)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`([0-9]{0,3}|\.){1,2} {0,2}([kKMGTx]|)([iI]|)([bB]|) ?`).Draw(t, "size")
		_, err := humanize.ParseBytes(s)
		if pattern.MatchString(s) != (err == nil) {
			t.Errorf("%q is a size: %t; %v", s, err == nil, err)
		}
	})
}
