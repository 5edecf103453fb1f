package config

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/tools/txtar"
)

// Whatever a file holds, it is either good for a supervisor or refused with a place within it.
func FuzzFile(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/problems.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range archive.Files {
		f.Add(string(file.Data))
	}
	f.Add("x: &a {max-workers: 2}\ndefaults: *a\npools:\n  a: {<<: *a, script: 'a.py', env: {A: \"${SET:-x}$$\"}}\n")
	for _, hostile := range hostileYAML {
		f.Add(hostile)
		f.Add("pools: {a: {script: a.py, env: {A: " + hostile + "}, args: [" + hostile + "]}}")
		f.Add("max-message-size: " + hostile + "\npools: {a: {script: a.py, max-workers: " + hostile + ", invocation-timeout: " + hostile + "}}")
	}
	f.Fuzz(func(t *testing.T, content string) {
		file, err := readText(content)
		var refused *FileError
		switch {
		case err == nil && len(file.Pools) == 0:
			t.Error("a file without pools is accepted")
		case err != nil && !errors.As(err, &refused):
			t.Errorf("%T: %v", err, err)
		case err != nil:
			for _, p := range refused.Problems {
				if p.Line < 0 || p.Line > len(refused.lines) || p.Text == "" {
					t.Errorf("problem %+v in a file of %d lines", p, len(refused.lines))
				}
			}
			_ = err.Error()
		}
		for _, p := range poolsOf(file) {
			if (p.Script == "") == (len(p.Command) == 0) || p.MinWorkers < 1 || !PoolName.MatchString(p.Pool) {
				t.Errorf("pool %+v is accepted", p)
			}
		}
	})
}

// hostileYAML is what a file may hold where something else is meant.
var hostileYAML = []string{
	strings.Repeat("[", 10_000), strings.Repeat("{a: ", 10_000), "[" + strings.Repeat("- ", 10_000), "1e999", strings.Repeat("9", 400), "-0x8000000000000000", ".nan", "0o777",
	"{a: 1, a: 2}", `"\ud800"`, `"\0"`, "\x00", "\xff", "\ufeff", "!!binary AA==", "!!python/object:os.system {}", "&a [*a]", "*nowhere", "<<", "%YAML 9.9\n---", "|\n\t", "? ", "9999999h", "-1ns",
	laughs,
}

// laughs is a list of a million lists, in a few lines.
const laughs = "&f [&e [&d [&c [&b [&a [l,l,l,l,l,l,l,l,l,l],*a,*a,*a,*a,*a,*a,*a,*a,*a],*b,*b,*b,*b,*b,*b,*b,*b,*b],*c,*c,*c,*c,*c,*c,*c,*c,*c],*d,*d,*d,*d,*d,*d,*d,*d,*d],*e,*e,*e,*e,*e,*e,*e,*e,*e]"

// FuzzHandshake has each handshake file either refused by its name, or usable: all that is to be sent is JSON.
func FuzzHandshake(f *testing.F) {
	for _, text := range append([]string{
		"initialize: {method: hello, params: {n: 1.50, list: [null, a]}}\ninitialized: [{method: ready}]\n",
		"replies: {a: \x7f, b: \"\\a\\v\\U000e0067\"}", // which Go quotes as JSON does not
		"cancel: {method: stop, id: call, params: {hard: true}}\nshutdown: [{request: end}, {notification: exit, params: {}}]\nreplies: {ask/null: , ask/list: [1]}\nnotifications: [did]\n",
	}, hostileYAML...) {
		f.Add(text)
		f.Add("initialize: {method: m, params: " + text + "}")
		f.Add("replies: {a: " + text + "}\nnotifications: " + text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := readHandshakeText(t, text)
		if err != nil {
			var refused *FileError
			if !errors.As(err, &refused) {
				t.Errorf("%T: %v", err, err)
			}
			return
		}
		sent := slices.Concat([]json.RawMessage{nil}, slices.Collect(maps.Values(c.Replies)))
		if c.Initialize != nil {
			sent = append(sent, c.Initialize.Params)
		}
		if c.Cancel != nil {
			sent = slices.AppendSeq(sent, maps.Values(c.Cancel.Params))
		}
		for _, m := range slices.Concat(c.Initialized, c.Shutdown) {
			if m.Method == "" {
				t.Errorf("%q: a message without a method", text)
			}
			sent = append(sent, m.Params)
		}
		for _, raw := range sent {
			if len(raw) > 0 && !(json.Valid(raw) && utf8.Valid(raw)) {
				t.Errorf("%q: %.200q would be sent", text, raw)
			}
		}
	})
}

func poolsOf(f *File) []*Pool {
	if f == nil {
		return nil
	}
	return f.Pools
}
