package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/whipper-sidecar/whipper/ledger"
)

const day = 24 * time.Hour

func ages(succeeded, failed, cancelled, dropped time.Duration) map[ledger.State]time.Duration {
	return map[ledger.State]time.Duration{
		ledger.Succeeded: succeeded, ledger.Failed: failed, ledger.Cancelled: cancelled, ledger.Dropped: dropped,
	}
}

func TestRulesOfRetentionAddUp(t *testing.T) {
	for _, test := range []struct {
		rules []string
		want  ledger.Retention
	}{
		{nil, ledger.DefaultRetention()},
		{[]string{"none"}, ledger.Retention{}},
		{[]string{"7d"}, ledger.Retention{Age: ages(7*day, 7*day, 7*day, 7*day)}},
		{[]string{"failed=10d", "12h"}, ledger.Retention{Age: ages(12*time.Hour, 10*day, 12*time.Hour, 12*time.Hour)}},
		{[]string{"succeeded=1h30m"}, ledger.Retention{Age: ages(90*time.Minute, 90*day, 30*day, 30*day)}},
		{[]string{"forever", "dropped=1d"}, ledger.Retention{Age: ages(0, 0, 0, day)}},
		{[]string{"forever", "count=1000", "size=2GiB"}, ledger.Retention{Age: ages(0, 0, 0, 0), Count: 1000, Bytes: 2 << 30}},
		{[]string{"size=16777216"}, ledger.Retention{Age: ages(30*day, 90*day, 30*day, 30*day), Bytes: 16 << 20}},
	} {
		got, err := ParseRetention(test.rules)
		if err != nil {
			t.Errorf("%q: %v", test.rules, err)
		}
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("%q (-want +got):\n%s", test.rules, d)
		}
	}
}

func TestARuleThatCannotBeMeantIsRefusedWithWhatHelps(t *testing.T) {
	for _, test := range []struct {
		before []string
		rule   string
		want   string
	}{
		{nil, "soon", "not a rule: write it as 30d, failed=90d, dropped=forever, count=1000000, size=2GiB or none"},
		{nil, "", "not a rule: write it as 30d, failed=90d, dropped=forever, count=1000000, size=2GiB or none"},
		{nil, "30", "no unit: write 30s for seconds, 30ms for milliseconds"},
		{nil, "failed=-1d", "a duration cannot be negative"},
		{nil, "1ms", "less than a second: whoever waits for a job must have the time to read its result"},
		{nil, "faild=3d", `there is no rule for "faild": did you mean failed?`},
		{nil, "queued=3d", `there is no rule for "queued": it must be one of succeeded, failed, cancelled, dropped, count, size`},
		{nil, "count=0", "a count must be a whole number from 1 up"},
		{nil, "count=many", "a count must be a whole number from 1 up"},
		{nil, "size=1MiB", "a size must be 16MiB or more: write it as 512MiB, 2GiB or a number of bytes"},
		{nil, "size=", "a size must be 16MiB or more: write it as 512MiB, 2GiB or a number of bytes"},
		{[]string{"3d"}, "4d", "a second rule for all states: name the state, as in failed=90d"},
		{[]string{"failed=3d"}, "failed=4d", "a second rule for failed"},
		{[]string{"3d"}, "none", "none keeps everything, so no other rule goes with it"},
		{[]string{"none"}, "count=3", "none keeps everything, so no other rule goes with it"},
	} {
		items := test.before
		if err := (&Retention{Items: &items}).Set(test.rule); err == nil || err.Error() != test.want {
			t.Errorf("%q after %q: %v\nwant %s", test.rule, test.before, err, test.want)
		}
		if !cmp.Equal(items, test.before) {
			t.Errorf("%q was taken all the same: %q", test.rule, items)
		}
	}
}
