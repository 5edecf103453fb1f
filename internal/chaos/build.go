package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// module is whipper's.
const module = "github.com/whipper-sidecar/whipper"

// root gives the folder of the module.
func root(ctx context.Context) (string, error) {
	text, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	return strings.TrimSpace(string(text)), err
}

// build makes a whipper with a version stamp of its own.
func build(ctx context.Context, from, to, version string, flags ...string) error {
	args := append([]string{"build", "-ldflags", "-X main.version=" + version, "-o", to}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/whipper")...)
	cmd.Dir = from
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build whipper %s: %w\n%s", version, err, text)
	}
	return nil
}

// buildBefore makes the whipper of the commit before this one, if there is one with the same schema: a ledger does not go back to an older.
func buildBefore(ctx context.Context, from, dir string) (string, error) {
	same := exec.CommandContext(ctx, "git", "diff", "--quiet", "HEAD~1", "--", "migrations")
	same.Dir = from
	if usable := same.Run() == nil; !usable { // no repository, no commit before, or another schema
		return "", nil
	}
	source, to := filepath.Join(dir, "before"), filepath.Join(dir, "whipper-before")
	if err := os.Mkdir(source, 0o700); err != nil {
		return "", err
	}
	tar := filepath.Join(dir, "before.tar")
	archive := exec.CommandContext(ctx, "git", "archive", "-o", tar, "HEAD~1")
	archive.Dir = from
	unpack := exec.CommandContext(ctx, "tar", "-xf", tar, "-C", source)
	if err := errors.Join(archive.Run(), unpack.Run()); err != nil {
		return "", fmt.Errorf("unpack the commit before: %w", err)
	}
	return to, build(ctx, source, to, "chaos-before")
}
