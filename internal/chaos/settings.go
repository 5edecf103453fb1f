package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// settings are how a supervisor is started: names and values as flags of exec and keys of the file have them.
type settings struct {
	supervisor map[string]any
	pool       map[string]any
}

// draw makes up settings.
func draw(chance *rand.Rand, workers int) settings {
	one := func(values ...any) any { return values[chance.IntN(len(values))] }
	return settings{
		supervisor: map[string]any{"durability": one("full", "normal"), "log-format": one("text", "json")},
		pool: map[string]any{
			"min-workers": workers, "max-workers": workers, "kill-tree": true, "invocation-timeout": "3s", "flush-timeout": "300ms",
			"force-kill-timeout": "2s", "drain-timeout": "5s", "max-queue-size": 200,
			"load-strategy": one("basic", "round-robin", "least-busy"), "at-capacity": one("queue", "queue", "error"),
			"max-total-calls": one(50, 2000), "max-age": one("10s", "1m"), "max-rss": one("150MiB", "500MiB"), "ping-interval": one("500ms", "2s"),
		},
	}
}

// command gives the command line that starts a supervisor with the settings.
func (s *stage) command(set settings) ([]string, error) {
	set.supervisor["dir"] = s.state()
	if len(s.kinds) == 1 {
		set.pool["method-concurrency"] = "flood=1"
		return s.exec(set, s.kinds[0]), nil
	}
	set.pool["method-concurrency"] = map[string]int{"flood": 1}
	return []string{"serve", "--config", s.file(), "--ready-fd", "3", "--exit-with-parent"}, s.writeFile(set)
}

func (s *stage) exec(set settings, k kind) []string {
	args := []string{"exec", "--ready-fd", "3", "--exit-with-parent", "--pool", k.name}
	for _, group := range []map[string]any{set.supervisor, set.pool, k.settings()} {
		for name, value := range group {
			if value == true {
				args = append(args, "--"+name)
			} else {
				args = append(args, "--"+name, fmt.Sprint(value))
			}
		}
	}
	if k.script != "" {
		return append(args, k.script)
	}
	return append(append(args, "--"), k.command...)
}

// settings are those of this kind of worker alone.
func (k kind) settings() map[string]any {
	set := map[string]any{}
	if k.interpreter != "" {
		set["interpreter"] = k.interpreter
	}
	if k.concurrent > 0 {
		set["max-concurrent-calls"] = k.concurrent
	}
	return set
}

func (s *stage) file() string { return filepath.Join(s.dir, "whipper.yaml") }

// writeFile writes the file of whipper serve. JSON is YAML.
func (s *stage) writeFile(set settings) error {
	pools := map[string]any{}
	for _, k := range s.kinds {
		pool := k.settings()
		if k.script != "" {
			pool["script"] = k.script
		} else {
			pool["command"] = k.command
		}
		pools[k.name] = pool
	}
	file := map[string]any{"defaults": set.pool, "pools": pools}
	for name, value := range set.supervisor {
		file[name] = value
	}
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(s.file(), append(text, '\n'), 0o600)
}
