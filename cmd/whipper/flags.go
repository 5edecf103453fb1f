package main

import (
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// envOf is the environment variable of a flag: WHIPPER_MIN_WORKERS for --min-workers.
func envOf(name string) []string {
	return []string{"WHIPPER_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))}
}

func stringFlag(name, value, usage string) *cli.StringFlag {
	return &cli.StringFlag{Name: name, Value: value, Usage: usage, EnvVars: envOf(name)}
}

// countFlag is for numbers from 1 up; fallback says in words what holds without the flag, where value is 0.
func countFlag(name string, value int, fallback, usage string) *cli.GenericFlag {
	return &cli.GenericFlag{Name: name, Value: &count{value, fallback}, Usage: usage, EnvVars: envOf(name)}
}

func intFlag(name string, value int, usage string) *cli.IntFlag {
	return &cli.IntFlag{Name: name, Value: value, Usage: usage, EnvVars: envOf(name)}
}

func boolFlag(name, usage string) *cli.BoolFlag {
	return &cli.BoolFlag{Name: name, Usage: usage, EnvVars: envOf(name)}
}

func listFlag(name, usage string) *cli.StringSliceFlag {
	return &cli.StringSliceFlag{Name: name, Usage: usage, EnvVars: envOf(name)}
}

func durationFlag(name string, value time.Duration, usage string) *cli.GenericFlag {
	// A limit of no time at all would mean no limit to some and the default to others, so only what has none by itself may be 0.
	return &cli.GenericFlag{Name: name, Value: &duration{value, value == 0}, Usage: usage, EnvVars: envOf(name)}
}

func sizeFlag(name string, value int, usage string) *cli.GenericFlag {
	return &cli.GenericFlag{Name: name, Value: &size{value}, Usage: usage, EnvVars: envOf(name)}
}

func momentFlag(name string, ago bool, usage string) *cli.GenericFlag {
	return &cli.GenericFlag{Name: name, Value: &moment{ago: ago}, Usage: usage, EnvVars: envOf(name)}
}

// choiceFlag is one of some words, of which the first is the default.
func choiceFlag(name, usage string, choices ...string) *cli.GenericFlag {
	return &cli.GenericFlag{Name: name, Value: &choice{choices[0], choices}, Usage: usage, EnvVars: envOf(name)}
}

func jsonFlag() *cli.BoolFlag {
	return boolFlag("json", "print JSON")
}

func poolFlag() *cli.StringFlag {
	return stringFlag("pool", "", "name of the pool; it may be left out where there is only one")
}

func durationOf(cc *cli.Context, name string) time.Duration {
	return cc.Generic(name).(*duration).Duration
}

func countOf(cc *cli.Context, name string) int {
	return cc.Generic(name).(*count).n
}

func sizeOf(cc *cli.Context, name string) int {
	return cc.Generic(name).(*size).bytes
}

func momentOf(cc *cli.Context, name string) time.Time {
	return cc.Generic(name).(*moment).Time
}

func choiceOf(cc *cli.Context, name string) string {
	return cc.Generic(name).(*choice).value
}
