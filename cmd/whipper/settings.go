package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/internal/config"
)

// settingFlags are the flags that set t. Those that may be repeated do so only when takeLists is called: until all are
// read it is open whether the environment's or the command line's count.
func settingFlags[T any](t *T, settings []config.Setting[T]) []cli.Flag {
	var flags []cli.Flag
	for _, s := range settings {
		switch v := s.Value(t).(type) {
		case *config.Text:
			flags = append(flags, &cli.StringFlag{Name: s.Name, Value: *v.S, Destination: v.S, Usage: s.Usage, EnvVars: envOf(s.Name)})
		case *config.Path:
			flags = append(flags, &cli.StringFlag{Name: s.Name, Value: *v.S, Destination: v.S, Usage: s.Usage, EnvVars: envOf(s.Name)})
		case *config.List, *config.Paths, *config.Addresses, *config.Assignments, *config.Retention, *config.Limits:
			flags = append(flags, listFlag(s.Name, s.Usage))
		case *config.Toggle:
			flags = append(flags, switchFlag{&cli.GenericFlag{Name: s.Name, Value: v, Usage: s.Usage, EnvVars: envOf(s.Name)}})
		default:
			flags = append(flags, &cli.GenericFlag{Name: s.Name, Value: v, Usage: s.Usage, EnvVars: envOf(s.Name)})
		}
	}
	return flags
}

// takeLists sets what flags set that may be repeated.
func takeLists[T any](cc *cli.Context, t *T, settings []config.Setting[T]) error {
	for _, s := range settings {
		v := s.Value(t)
		for _, item := range cc.StringSlice(s.Name) { // none for a flag of another kind
			if err := v.Set(item); err != nil {
				return usageError(cc, fmt.Errorf("invalid value %q for flag -%s: %w", item, s.Name, err), false)
			}
		}
	}
	return nil
}
