package config

import (
	"errors"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/supervisor"
)

func TestWhatIsWrongWithOptionsIsToldOnTheCommandLineWithTheNamesOfFlags(t *testing.T) {
	o := NewPool().Options
	o.Command, o.MinWorkers, o.MaxWorkers = []string{"-"}, 3, 2
	o.MaxRSS, o.MaxRSSHard, o.Process.LimitAS, o.MaxAge = 200, 100, 7, -time.Second
	o.Listen = []string{"8080"}
	err := WithFlags(o.Check())
	want := "--max-workers: 2 given, at least --min-workers (3) wanted\n" +
		"--max-rss-hard: 100 given, at least --max-rss (200) wanted\n" +
		"--max-age: -1s given, a positive duration wanted\n" +
		"--limit-as: 7 given, at least 16777216 bytes wanted\n" +
		"listen on 8080: not an address: write it as tcp://127.0.0.1:8080 or unix:/run/app.sock"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	var first *supervisor.OptionError
	if !errors.As(err, &first) || first.Value != 2 {
		t.Errorf("%+v is no OptionError any more", err)
	}
	if err := WithFlags(nil); err != nil {
		t.Errorf("of nothing it made %v", err)
	}
}
