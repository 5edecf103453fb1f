package cron

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// SpecError says what is wrong with an expression, and what would be right.
type SpecError struct {
	Spec  string
	Fault string // names the field, and what it may be
}

func (e *SpecError) Error() string { return fmt.Sprintf("cron expression %q: %s", e.Spec, e.Fault) }

// ZoneError names a time zone that there is not.
type ZoneError struct{ Zone string }

func (e *ZoneError) Error() string {
	return fmt.Sprintf("there is no time zone %q: give an IANA name, as Europe/Berlin, America/New_York or UTC", e.Zone)
}

func parseZone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	// "Local" would be another zone on another machine.
	location, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, &ZoneError{Zone: name}
	}
	return location, nil
}

// field is what one place of an expression may hold.
type field struct{ name, values string }

var fields = []field{
	{"second", "0 to 59"},
	{"minute", "0 to 59"},
	{"hour", "0 to 23"},
	{"day of month", "1 to 31"},
	{"month", "1 to 12 or JAN to DEC"},
	{"day of week", "0 (Sunday) to 6 (Saturday) or SUN to SAT"},
}

const forms = `*, 5, 1-5, 1,3,5 or */15`

// parser wants all 6 fields.
var parser = cron.NewParser(cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// parseFields reads 5 or 6 fields. fault, if not "", says what is wrong.
func parseFields(text string) (parsed *cron.SpecSchedule, fault string) {
	words := strings.Fields(text)
	switch {
	case len(words) > 0 && strings.Contains(words[0], "TZ="):
		return nil, "the time zone is given apart from the expression, by --timezone or the member timezone: leave " + words[0] + " out"
	case len(words) == len(fields)-1:
		words = append([]string{"0"}, words...)
	case len(words) != len(fields):
		noun := "fields"
		if len(words) == 1 {
			noun = "field"
		}
		return nil, fmt.Sprintf("it has %d %s, and 5 are wanted (minute, hour, day of month, month, day of week), or 6 with the second in front; in a shell it must be in quotes", len(words), noun)
	}
	alone := strings.Fields("* * * * * *")
	for i, word := range words {
		alone[i] = word
		_, err := parser.Parse(strings.Join(alone, " "))
		alone[i] = "*"
		if err != nil || strings.Trim(word, ",") == "" {
			why := fields[i].name + " " + strconv.Quote(word) + " cannot be read"
			if err != nil {
				why += ": " + err.Error()
			}
			return nil, fmt.Sprintf("%s: it may be %s, written as %s", why, fields[i].values, forms)
		}
	}
	schedule, err := parser.Parse(strings.Join(words, " "))
	if err != nil { // each field was read before
		return nil, err.Error()
	}
	parsed = schedule.(*cron.SpecSchedule) // what the parser makes of fields
	parsed.Location = time.UTC
	if parsed.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() { // in a leap year, and before the next one
		return nil, "there is no such day: no month has that day of month"
	}
	return parsed, ""
}

var days = regexp.MustCompile(`^(\d{1,5})d`)

// maxEvery is a hundred years.
const maxEvery = 100 * 365 * 24 * time.Hour

// parseEvery reads the duration of @every, as Go writes it, with d for days in front.
func parseEvery(text string) (every time.Duration, fault string) {
	rest := text
	if m := days.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1]) // a few digits
		every = time.Duration(n) * 24 * time.Hour
		rest = text[len(m[0]):]
	}
	if rest != "" || text == "" {
		d, err := time.ParseDuration(rest)
		if err != nil || strings.HasPrefix(rest, "+") {
			return 0, fmt.Sprintf("%q is no duration: write @every 30s, @every 1m30s or @every 1d", text)
		}
		every += d
	}
	if every < time.Second || every%time.Second != 0 || every > maxEvery {
		return 0, fmt.Sprintf("%q is not a whole number of seconds from 1s up to 100 years", text)
	}
	return every, ""
}
