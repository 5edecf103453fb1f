package works

import (
	"strings"
	"testing"
)

func TestPartsAreChosenByName(t *testing.T) {
	for list, want := range map[string]string{"": Names(), "trip": "trip", "idle,durable": "idle, durable"} {
		chosen, err := Choose(list)
		var names []string
		for _, p := range chosen {
			names = append(names, p.Name)
		}
		if got := strings.Join(names, ", "); err != nil || got != want {
			t.Errorf("%q chooses %s, %v", list, got, err)
		}
	}
	if _, err := Choose("trip,nothing"); err == nil || !strings.Contains(err.Error(), `"nothing"`) {
		t.Errorf("%v", err)
	}
}
