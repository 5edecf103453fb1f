package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// version is set by the build: go build -ldflags "-X main.version=v1.2.3". What go install and a plain go build know is
// filled in otherwise.
var version string

func init() {
	if info, ok := debug.ReadBuildInfo(); ok && version == "" {
		version = versionOf(info)
	}
	if version == "" {
		version = "dev"
	}
}

// versionOf is the module's version, or "" where it is not known, as in a build without version control.
func versionOf(info *debug.BuildInfo) string {
	if info.Main.Version == "(devel)" {
		return ""
	}
	return info.Main.Version
}

func versionCommand(c *console) *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(cc *cli.Context) error {
			if err := noArguments(cc); err != nil {
				return err
			}
			if cc.Bool("json") {
				return c.printJSON(struct {
					Version  string `json:"version"`
					Go       string `json:"go"`
					Platform string `json:"platform"`
				}{version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
			}
			_, err := fmt.Fprintf(c.out, "whipper %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

func noArguments(cc *cli.Context) error {
	if cc.NArg() > 0 {
		return misuse("see "+cc.Command.HelpName+" --help", "%s takes no argument, but got %q", cc.Command.HelpName, cc.Args().First())
	}
	return nil
}
