package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/whipper-sidecar/whipper/internal/config"
)

// configuration is a file that says which pools there are, and that can be read again. A nil one stands for the command line.
type configuration struct {
	source config.Source
	file   *config.File // as it is in force
}

// loadConfiguration reads the file for the first time.
func loadConfiguration(source config.Source) (*configuration, error) {
	c := &configuration{source: source}
	file, err := c.load()
	if err != nil {
		return nil, err
	}
	c.file = file
	return c, nil
}

// load reads the file as it is now.
func (c *configuration) load() (*config.File, error) {
	file, err := config.Load(c.source)
	var wrong *config.FileError
	switch {
	case err == nil:
		return file, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, misuse("name the file with -c FILE; docs/configuration.md shows what it looks like", "there is no file %s", c.source.Path)
	case errors.As(err, &wrong):
		return nil, &failure{Err: err, Code: exitUsage}
	}
	return nil, &failure{Err: fmt.Errorf("read the configuration: %w", err), Code: exitFailed}
}

// plans are a file's pools. Where what a pool runs is not found, its plan has the fault.
func (c *configuration) plans(file *config.File) ([]*plan, error) {
	var plans []*plan
	for _, settings := range file.Pools {
		p, err := newPlan(settings)
		if err != nil {
			return nil, err
		}
		p.program, p.fault = findProgram(settings)
		plans = append(plans, p)
	}
	return plans, nil
}

// inForce is the file as it is in force; nil: there is none.
func (c *configuration) inForce() *config.File {
	if c == nil {
		return nil
	}
	return c.file
}

// folder is where the file's relative globs are meant from; "": the working folder.
func (c *configuration) folder() string {
	if c == nil {
		return ""
	}
	return c.file.Dir
}

// poolFault is an error that is one pool's.
type poolFault struct {
	pool *config.Pool
	key  string // the setting that is wrong; "": what the pool runs
	error
}

func (f *poolFault) Unwrap() error { return f.error }

// seeExec is the hint of what only the flags of exec can explain.
const seeExec = "see whipper exec --help"

// problem is err, with the place in a file that a pool's fault is about.
func problem(file *config.File, err error) error {
	var fault *poolFault
	if !errors.As(err, &fault) || file == nil {
		return err
	}
	f := *explain(fault.error)
	f.Err = file.Problem(fault.pool, fault.key, f.Err)
	if f.Hint = config.InFile(f.Hint); f.Hint == seeExec {
		f.Hint = "see docs/configuration.md"
	}
	return &f
}
