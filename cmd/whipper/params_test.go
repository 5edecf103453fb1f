package main

import (
	"strings"
	"testing"
)

func TestParamsAreAnArrayAnObjectOrAbsent(t *testing.T) {
	for _, c := range []struct {
		args []string
		text bool
		want string
	}{
		{nil, false, ""},
		{[]string{"1", `"a"`, "null", "-5", "[1, 2]"}, false, `[1,"a",null,-5,[1,2]]`},
		{[]string{"{\n  \"a\": 1\n}"}, false, `[{"a":1}]`},
		{[]string{"width=100", `name="a=b"`}, false, `{"width":100,"name":"a=b"}`},
		{[]string{"größe=1", "$x=2", "a-b=3"}, false, `{"größe":1,"$x":2,"a-b":3}`},
		{[]string{`"a=1"`}, false, `["a=1"]`},
		{[]string{"a=1", "--b", "x\ny"}, true, `["a=1","--b","x\ny"]`},
		{[]string{"1e400"}, false, `[1e400]`},
		{[]string{"12345678901234567890"}, false, `[12345678901234567890]`},
		{[]string{`"<&>"`}, false, `["<&>"]`},
	} {
		got, err := params(c.args, c.text)
		if err != nil || string(got) != c.want {
			t.Errorf("%q: %s (%v), want %s", c.args, got, err, c.want)
		}
	}
}

func TestWhatIsNotJSONIsShownWithACaretBelowTheFault(t *testing.T) {
	for _, c := range []struct{ arg, shown, caret string }{
		{"Winfred", "  Winfred", "  ^"},
		{"[1,2,x]", "  [1,2,x]", "       ^"},
		{`{"a":1`, `  {"a":1`, "        ^"},
		{"", "  ", "  ^"},
		{"1 2", "  1 2", "    ^"},
		{"tru", "  tru", "     ^"},
		{"a=[1,]", "  a=[1,]", "       ^"},
		{"\x1b[31m", `  \x1b[31m`, "  ^"},
		{`["é",x]`, `  ["é",x]`, "       ^"},
		{"a=\xff", `  a=\xff`, "    ^"},
		{"[" + strings.Repeat("1,", 50) + "x]", "  …" + strings.Repeat("1,", 30) + "x]", "  " + strings.Repeat(" ", 61) + "^"},
	} {
		_, err := params([]string{c.arg}, false)
		if err == nil {
			t.Errorf("%q is accepted", c.arg)
			continue
		}
		if lines := strings.Split(err.Error(), "\n"); len(lines) != 3 || lines[1] != c.shown || lines[2] != c.caret {
			t.Errorf("%q is shown as\n%s\nwant\n%s\n%s", c.arg, err, c.shown, c.caret)
		}
	}
}

func TestParamsWithAndWithoutNamesCannotBeMixed(t *testing.T) {
	for _, args := range [][]string{{"a=1", "2"}, {"2", "a=1"}, {"a=1", "a=2"}} {
		if got, err := params(args, false); err == nil {
			t.Errorf("%q is accepted as %s", args, got)
		}
	}
}

func FuzzParamsAreJSONOrRefused(f *testing.F) {
	for _, seed := range []string{"1", "a=1", "{", `"\ud800"`, "\xff", "a=", "=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		got, err := params([]string{arg}, false)
		if err == nil && jsonFault(string(got)) != nil {
			t.Errorf("%q gives %s", arg, got)
		}
		if got, err := params([]string{arg}, true); err != nil || jsonFault(string(got)) != nil {
			t.Errorf("text %q gives %s (%v)", arg, got, err)
		}
	})
}
