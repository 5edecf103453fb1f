//go:build unix && !linux

package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
)

func adoptOrphans() error { return canKillTree() }

func canKillTree() error {
	return errors.New("process trees can be killed on Linux alone, not on " + runtime.GOOS)
}

// tree is nothing here: canKillTree says so.
type tree struct{ mark string }

func (*tree) remember(int) {}

func (*tree) kill(context.Context) error { return nil }

// KillOrphans does nothing here: orphans go to the machine's first process.
func KillOrphans(context.Context, *slog.Logger) error { return nil }

// KillLeftTrees does nothing here.
func KillLeftTrees(context.Context, *slog.Logger, ...string) error { return nil }
