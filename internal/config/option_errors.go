package config

import (
	"errors"

	"github.com/whipper-sidecar/whipper/supervisor"
)

// WithFlags is what supervisor.Options.Check found, with the names of flags for those of fields.
func WithFlags(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, err := range joined.Unwrap() {
			all = append(all, WithFlags(err))
		}
		return errors.Join(all...)
	}
	var o *supervisor.OptionError
	if !errors.As(err, &o) {
		return err
	}
	return &supervisor.OptionError{Field: flagOf(o.Field), Value: o.Value, Want: fieldName.ReplaceAllStringFunc(o.Want, flagOf)}
}

// flagOf is the flag that sets a field of supervisor.Options. Any other word stays as it is.
func flagOf(word string) string {
	if name := settingOf(word); name != "" {
		return "--" + name
	}
	return word
}
