package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestTheExamplesOfThePageAreFilesThatCanBeReadOrItSaysWhyNot(t *testing.T) {
	page := Page()
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(page, -1)
	refused := 0
	for _, example := range examples {
		_, err := readText(example[1])
		if err == nil {
			mustRead(t, example[1])
			continue
		}
		refused++
		for _, line := range strings.Split(err.Error(), "\n") {
			if !strings.Contains(page, line+"\n") {
				t.Errorf("the page does not have: %s", line)
			}
		}
	}
	if len(examples) < 3 || refused != 1 {
		t.Errorf("%d examples, %d refused", len(examples), refused)
	}
}

func TestThePageHasEachSettingOnce(t *testing.T) {
	if strings.Contains(Page(), "{{") {
		t.Error("something is not put in")
	}
	checkRows(t, SupervisorSettings)
	checkRows(t, PoolSettings)
	for name := range ownWords {
		if !slices.ContainsFunc(SupervisorSettings, func(s Setting[Supervisor]) bool { return s.Name == name }) {
			settingNamed(PoolSettings, name) // or it panics
		}
	}
}

func checkRows[T any](t *testing.T, settings []Setting[T]) {
	for _, s := range settings {
		row := fmt.Sprintf("\n| `%s` | %s | ", s.Name, describe(s.Value(new(T))).brief)
		if n := strings.Count(Page(), row); n != 1 {
			t.Errorf("%s is there %d times", s.Name, n)
		}
	}
}
