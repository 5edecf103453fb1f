package supervisor

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAccountsAreFoundByNameAndByNumber(t *testing.T) {
	for spec, want := range map[string]*Account{
		"root":    {Name: "root", Home: "/root", Groups: []uint32{0}},
		"0":       {Name: "root", Home: "/root", Groups: []uint32{0}},
		"54321:7": {Home: "/", UID: 54321, GID: 7, Groups: []uint32{7}},
	} {
		got, err := FindAccount(spec)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		if want.Name != "" {
			got.Groups, got.Home = want.Groups, want.Home // root may be in more, and live elsewhere
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s:\n%s", spec, d)
		}
	}
	for spec, want := range map[string]string{
		"no-such-user":       "no such user",
		"root:no-such-group": `no group "no-such-group"`,
		"54321":              "54321:GID",
		"":                   "no such user",
		":":                  "no such user",
		"-1":                 "no such user",
		"99999999999:1":      "no such user",
		"root:":              `no group ""`,
	} {
		if got, err := FindAccount(spec); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `"`+spec+`"`) {
			t.Errorf("%s: %+v, %v", spec, got, err)
		}
	}
}

func TestAnAccountTellsWhatALoginWouldSet(t *testing.T) {
	known := Account{Name: "kim", Home: "/home/kim"}
	if d := cmp.Diff([]string{"HOME=/home/kim", "USER=kim", "LOGNAME=kim"}, known.Environ()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"HOME=/"}, (&Account{UID: 54321, Home: "/"}).Environ()); d != "" {
		t.Error(d)
	}
}

func TestProcessOptionsThatCannotBeAreReportedWithFieldAndValue(t *testing.T) {
	o := Options{Command: []string{"x"}, Process: ProcessOptions{User: "no-such-user", LimitNoFile: 3, LimitAS: 1000, Nice: 20}}.withDefaults()
	err := o.validate()
	for _, want := range []string{`User: "no-such-user" given`, "LimitNoFile: 3 given", "LimitAS: 1000 given", "Nice: 20 given"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if os.Geteuid() != 0 {
		o.Process = ProcessOptions{User: "root"}
		if err := o.validate(); err == nil || !strings.Contains(err.Error(), "only root") {
			t.Errorf("root for somebody else: %v", err)
		}
	}
}
