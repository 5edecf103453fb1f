package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/internal/config"
	"github.com/whipper-sidecar/whipper/ledger"
)

// envOf is the environment variable of a flag: WHIPPER_MIN_WORKERS for --min-workers.
func envOf(name string) []string { return []string{config.Variable(name)} }

func stringFlag(name, value, usage string) *cli.StringFlag {
	return &cli.StringFlag{Name: name, Value: value, Usage: usage, EnvVars: envOf(name)}
}

// countFlag is for numbers from 1 up; fallback says in words what holds without the flag, where value is 0.
func countFlag(name string, value int, fallback, usage string) *cli.GenericFlag {
	return countFlagTo(0, name, value, fallback, usage)
}

// countFlagTo is countFlag with a highest value; 0: there is none.
func countFlagTo(most int, name string, value int, fallback, usage string) *cli.GenericFlag {
	return &cli.GenericFlag{Name: name, Value: withDefault(&config.Count{N: new(int), Least: 1, Most: most, Default: value, Fallback: fallback}), Usage: usage, EnvVars: envOf(name)}
}

func priorityFlag() *cli.GenericFlag {
	value := &config.Count{N: new(int), Least: ledger.MinPriority, Most: ledger.MaxPriority, Fallback: "0"}
	usage := fmt.Sprintf("from %d to %d, the higher the sooner", ledger.MinPriority, ledger.MaxPriority)
	return &cli.GenericFlag{Name: "priority", Value: value, Usage: usage, EnvVars: envOf("priority")}
}

// switchFlag is a flag that is there or not. Unlike cli.BoolFlag it has words of its own for a value that it cannot have.
type switchFlag struct{ *cli.GenericFlag }

// TakesValue implements cli.DocGenerationFlag.
func (switchFlag) TakesValue() bool { return false }

// String implements cli.Flag.
func (f switchFlag) String() string { return cli.FlagStringer(f) }

func boolFlag(name, usage string) switchFlag {
	return switchFlag{&cli.GenericFlag{Name: name, Value: &config.Toggle{B: new(bool)}, Usage: usage, EnvVars: envOf(name)}}
}

func listFlag(name, usage string) *cli.StringSliceFlag {
	return &cli.StringSliceFlag{Name: name, Usage: usage, EnvVars: envOf(name)}
}

// choiceFlag is for one of a few words, of which the first is the default.
func choiceFlag(name, usage string, words ...string) *cli.GenericFlag {
	return &cli.GenericFlag{Name: name, Value: withDefault(&config.Choice{Word: new(string), Words: words}), Usage: usage, EnvVars: envOf(name)}
}

func durationFlag(name, usage string) *cli.GenericFlag {
	return &cli.GenericFlag{Name: name, Value: &config.Duration{D: new(time.Duration)}, Usage: usage, EnvVars: envOf(name)}
}

func momentFlag(name string, near int, usage string) *cli.GenericFlag {
	return &cli.GenericFlag{Name: name, Value: &moment{near: near}, Usage: usage, EnvVars: envOf(name)}
}

func jsonFlag() switchFlag {
	return boolFlag("json", "print JSON")
}

func poolFlag() *cli.StringFlag {
	return stringFlag("pool", "", "name of the pool; it may be left out where there is only one")
}

func durationOf(cc *cli.Context, name string) time.Duration {
	return *cc.Generic(name).(*config.Duration).D
}

func countOf(cc *cli.Context, name string) int {
	return *cc.Generic(name).(*config.Count).N
}

func choiceOf(cc *cli.Context, name string) string {
	return *cc.Generic(name).(*config.Choice).Word
}

func momentOf(cc *cli.Context, name string) time.Time {
	return cc.Generic(name).(*moment).Time
}

// withDefault is v, set to its default.
func withDefault(v config.Value) config.Value {
	v.Reset()
	return v
}
