package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
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

// FuzzParamsAreJSONOrRefused holds what becomes of two PARAMs to what encoding/json reads in each; a refusal shows a place in one of them.
func FuzzParamsAreJSONOrRefused(f *testing.F) {
	for _, seed := range []struct{ a, b string }{
		{"1", "2"},
		{"a=1", "b=2"},
		{"{", "1"},
		{`"\ud800"`, `"\u0000"`},
		{"\xff", "\ufffd\xff"},
		{"a=", "=1"},
		{"a=1", "a=2"},
		{"a=1", "2"},
		{"1e999", strings.Repeat("9", 400)},
		{`{"a":1,"a":2}`, " [ 1 ,\n2 ] "},
		{strings.Repeat("[", 100_000), nestedJSON(10_000)},
		{nestedJSON(10_001), "\x00"},
		{"größe=1", "\u0149=1"},
		{"--b", "a\"=1"},
		{"\u2028", "tru"},
		{`"é`, `"é" x`},
		{"\U0001e900=1", "\u4e00-_$=null"},
	} {
		f.Add(seed.a, seed.b)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		args := []string{a, b}
		got, err := params(args, false)
		if err != nil {
			if text := err.Error(); text == "" || !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\x1b") {
				t.Fatalf("%q: %q", args, text)
			}
		} else {
			var want []any
			named := map[string]any{}
			for _, arg := range args {
				value := arg
				m := byName.FindStringSubmatch(arg)
				if m != nil {
					value = arg[len(m[0]):]
				}
				v := jsonValue(t, value)
				want = append(want, v)
				if m != nil {
					named[m[1]] = v
				}
			}
			whole := any(want)
			if len(named) > 0 {
				whole = named
			}
			if !utf8.Valid(got) || !reflect.DeepEqual(jsonValue(t, string(got)), whole) {
				t.Fatalf("%q gives %s", args, got)
			}
		}
		got, err = params(args, true)
		if want := []any{string([]rune(a)), string([]rune(b))}; err != nil || !reflect.DeepEqual(jsonValue(t, string(got)), any(want)) { // bytes that are no UTF-8 are replaced
			t.Fatalf("text %q gives %s (%v)", args, got, err)
		}
	})
}

func nestedJSON(levels int) string {
	return strings.Repeat("[", levels) + strings.Repeat("]", levels)
}

// jsonValue decodes JSON with its numbers as they are.
func jsonValue(t *testing.T, text string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil || d.More() {
		t.Fatalf("%.200q is no JSON: %v", text, err)
	}
	return v
}
