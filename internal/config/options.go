package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"

	"github.com/whipper-sidecar/whipper/supervisor"
)

// settingProblem is what is wrong with a setting.
type settingProblem struct {
	name string // "" if no setting sets the field
	text string
}

// fieldName is a word that may be the name of a field of supervisor.Options.
var fieldName = regexp.MustCompile(`\b[A-Z][A-Za-z]+\b`)

// optionProblems says what supervisor.Options.Check found, with the names of settings for those of fields.
func optionProblems(err error) []settingProblem {
	if err == nil {
		return nil
	}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	var found []settingProblem
	for _, err := range all {
		var o *supervisor.OptionError
		if !errors.As(err, &o) {
			found = append(found, settingProblem{text: err.Error()})
			continue
		}
		name := settingOf(o.Field)
		want := fieldName.ReplaceAllStringFunc(o.Want, func(word string) string {
			if other := settingOf(word); other != "" {
				return other
			}
			return word
		})
		label := name
		if label == "" {
			label = o.Field
		}
		found = append(found, settingProblem{name, fmt.Sprintf("%s: %v given, %s wanted", label, o.Value, want)})
	}
	return found
}

// settingOf is the name of the pool's setting that sets a field of supervisor.Options, or of a struct in it; "" if none does.
func settingOf(field string) string {
	p := new(Pool)
	options := reflect.ValueOf(&p.Options).Elem()
	f := options.FieldByName(field)
	for i := 0; i < options.NumField() && !f.IsValid(); i++ {
		if inner := options.Field(i); inner.Kind() == reflect.Struct {
			f = inner.FieldByName(field)
		}
	}
	if !f.IsValid() {
		return ""
	}
	for _, s := range PoolSettings {
		if target(s.Value(p)) == f.Addr().Pointer() {
			return s.Name
		}
	}
	return ""
}

// target is the address of the field that a value sets: every kind of Value has it first.
func target(v Value) uintptr { return reflect.ValueOf(v).Elem().Field(0).Pointer() }
