package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/internal/config"
)

func serveCommand(c *console) *cli.Command {
	whole := config.NewSupervisor()
	return &cli.Command{
		Name:  "serve",
		Usage: "run the pools of a file in the foreground",
		Description: "The file says which pools there are and what each runs; docs/configuration.md has its keys.\n" +
			"The flags for the supervisor as a whole go before what the file says of it.\n" +
			"SIGHUP reads the file again, applies what has changed and replaces all workers without failing a call.\n" +
			"Ctrl-C and SIGTERM drain the pools; a second one stops them at once. SIGQUIT prints what goes on.",
		Flags: slices.Concat(
			[]cli.Flag{
				configFlag(),
				boolFlag("check", "read the file, look for all that it names, and say whether it can be served"),
				boolFlag("schema", "print the JSON Schema of the file, for editors"),
			},
			settingFlags(whole, config.SupervisorSettings),
			foregroundFlags("each pool has a worker that is ready, or is degraded"),
		),
		Action: func(cc *cli.Context) error {
			if cc.NArg() > 0 {
				return misuse("whipper serve -c "+cc.Args().First(), "whipper serve takes no argument, but got %q", cc.Args().First())
			}
			switch {
			case cc.Bool("schema"):
				_, err := c.out.Write(config.Schema())
				return err
			case cc.Bool("check"):
				return c.checkConfiguration(cc, whole)
			}
			return c.foreground(cc, func(w *watch) (*supervision, error) { return c.serve(cc, w, whole) })
		},
	}
}

func configFlag() cli.Flag {
	f := stringFlag("config", config.DefaultFile, "`FILE` with the pools")
	f.Aliases = []string{"c"}
	return f
}

// configurationOf reads the file that the flags name; they go before it.
func configurationOf(cc *cli.Context, whole *config.Supervisor) (*configuration, error) {
	if err := takeLists(cc, whole, config.SupervisorSettings); err != nil {
		return nil, err
	}
	source := config.Source{Path: cc.String("config"), Base: *whole, Fixed: map[string]bool{}}
	for _, s := range config.SupervisorSettings {
		source.Fixed[s.Name] = cc.IsSet(s.Name)
	}
	return loadConfiguration(source)
}

// serve turns the flags and the file into a supervision.
func (c *console) serve(cc *cli.Context, w *watch, whole *config.Supervisor) (*supervision, error) {
	configuration, err := configurationOf(cc, whole)
	if err != nil {
		return nil, err
	}
	s, err := newSupervision(cc.Context, c, &configuration.file.Supervisor, w)
	if err != nil {
		return nil, err
	}
	s.file = configuration
	if s.plans, err = configuration.plans(configuration.file); err != nil {
		return nil, problem(configuration.file, err)
	}
	ways, err := s.logs.outputs(configuration.file.Pools, true)
	if err != nil {
		return nil, problem(configuration.file, err)
	}
	for _, p := range s.plans {
		p.options.WorkerOutput = ways[p.settings.Pool]
	}
	return s, nil
}

// checkConfiguration does what serve does before it starts anything.
func (c *console) checkConfiguration(cc *cli.Context, whole *config.Supervisor) error {
	configuration, err := configurationOf(cc, whole)
	if err != nil {
		return err
	}
	plans, err := configuration.plans(configuration.file)
	if err != nil {
		return problem(configuration.file, err)
	}
	checkPlans(cc.Context, plans)
	var names []string
	var faulty error
	say := func(err error) {
		err = problem(configuration.file, err)
		faulty = &failure{Err: err, Code: c.report(err), Quiet: true}
	}
	logs := newWorkerLogs(c.err, configuration.file.Supervisor.LogFormat == "json", slog.New(slog.DiscardHandler))
	if _, err := logs.forms(configuration.file.Pools); err != nil {
		say(err)
	}
	if _, err := monitorOptions(cc.Context, &configuration.file.Supervisor); err != nil {
		say(err)
	}
	for _, p := range plans {
		if p.fault != nil {
			say(&poolFault{p.settings, "", p.fault})
		}
		if err := p.inspect(); err != nil {
			say(err)
		}
		names = append(names, p.settings.Pool)
	}
	if faulty != nil {
		return faulty
	}
	_, err = fmt.Fprintf(c.out, "%s can be served: %s: %s\n", configuration.file.Path, plural(len(names), "pool"), strings.Join(names, ", "))
	return err
}
