package config

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEverySettingHasANameOfItsOwnAndAFieldThatNoOtherSets(t *testing.T) {
	names := map[string]bool{}
	checkSettings(t, PoolSettings, names)
	checkSettings(t, SupervisorSettings, names)
}

func checkSettings[T any](t *testing.T, settings []Setting[T], names map[string]bool) {
	for _, s := range settings {
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(s.Name) || names[s.Name] || s.Usage == "" {
			t.Errorf("setting %q: bad or second name, or no usage", s.Name)
		}
		names[s.Name] = true
		pristine, changed := withDefaults(settings), withDefaults(settings)
		for _, text := range []string{"7", "77", "77s", "7MiB", "true", "NAME=VALUE", "NAME=7", "localhost:7", otherWord(s.Value(changed))} {
			if s.Value(changed).Set(text) == nil {
				break
			}
		}
		if cmp.Equal(pristine, changed) {
			t.Errorf("setting %s sets nothing", s.Name)
		}
		for _, other := range settings {
			if v := other.Value(changed).String(); other.Name != s.Name && v != other.Value(pristine).String() {
				t.Errorf("settings %s and %s set the same field", s.Name, other.Name)
			}
		}
		s.Value(changed).Reset()
		if diff := cmp.Diff(pristine, changed); diff != "" {
			t.Errorf("setting %s sets another field than it resets:\n%s", s.Name, diff)
		}
	}
}

// otherWord is a word that a choice may have and does not have by default.
func otherWord(v Value) string {
	if c, ok := v.(*Choice); ok {
		return c.Words[1]
	}
	return ""
}
