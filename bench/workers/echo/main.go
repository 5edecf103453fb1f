// Command echo is the Go worker that is measured: echo.mjs and echo.py do the same.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

func main() {
	err := whipper.Serve(context.Background(), whipper.Methods{
		"echo": whipper.Func1(func(_ context.Context, v json.RawMessage) (json.RawMessage, error) { return v, nil }),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
