package supervisor

import (
	"strings"
	"testing"
)

func TestALimitInWhichNoGreetingFitsOrThatTheLedgerCannotKeepIsRefused(t *testing.T) {
	for size, want := range map[int]string{
		-1: "MaxMessageSize: -1 given, at least 4096 wanted", 1: "MaxMessageSize: 1 given, at least 4096 wanted", 4095: "at least 4096", 4096: "", 0: "",
		900 << 20: "", 900<<20 + 1: "MaxMessageSize: 943718401 given, at most 943718400 wanted",
	} {
		err := Options{Command: []string{"true"}, MaxMessageSize: size}.Check()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v", size, err)
		}
	}
}
