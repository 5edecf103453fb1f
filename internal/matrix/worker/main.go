// Command worker serves the methods that the scenarios call. worker.mjs and worker.py beside it serve the same.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

func main() {
	var rested, failed sync.Map
	err := whipper.Serve(context.Background(), whipper.Methods{
		"add":     whipper.Func2(func(_ context.Context, a, b int) (int, error) { return a + b, nil }),
		"echo":    whipper.FuncN(func(_ context.Context, args ...json.RawMessage) ([]json.RawMessage, error) { return args, nil }),
		"nothing": whipper.Func0(func(context.Context) (any, error) { return nil, nil }),
		"join":    whipper.Func2(func(_ context.Context, a, b string) (string, error) { return a + "-" + b, nil }, "a", "b"),
		"fail": whipper.Func1(func(_ context.Context, message string) (any, error) {
			return nil, &whipper.Error{Code: 1, Message: message, Data: json.RawMessage(`{"type":"PrinterError","fields":{"paper":"A4"}}`)}
		}),
		"pretend": whipper.Func0(func(context.Context) (any, error) {
			return nil, &whipper.Error{Code: 1002, Message: "not really", Data: json.RawMessage(`{"type":"TimeoutError"}`)}
		}),
		"tell": whipper.Func1(func(ctx context.Context, n int) (int, error) {
			for i := range n {
				if err := whipper.Progress(ctx, map[string]int{"progress": i + 1, "total": n}); err != nil {
					return 0, err
				}
			}
			return n, nil
		}),
		"pid": whipper.Func0(func(context.Context) (int, error) { return os.Getpid(), nil }),
		"hang": whipper.Func0(func(ctx context.Context) (any, error) {
			if err := whipper.Progress(ctx, "hanging"); err != nil {
				return nil, err
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}),
		"crash": whipper.Func0(func(context.Context) (any, error) {
			os.Exit(3)
			return nil, nil
		}),
		"print": whipper.Func1(func(_ context.Context, text string) (string, error) {
			fmt.Println(text)
			return "printed", nil
		}),
		"big":       whipper.Func1(func(_ context.Context, n int) (string, error) { return strings.Repeat("x", n), nil }),
		"permanent": whipper.Func1(func(_ context.Context, text string) (any, error) { return nil, whipper.Permanent(errors.New(text)) }),
		"flaky": whipper.Func1(func(_ context.Context, key string) (string, error) {
			if _, again := failed.LoadOrStore(key, true); !again {
				return "", errors.New("not yet")
			}
			return "at last", nil
		}),
		"nap": whipper.Func1(func(_ context.Context, key string) (string, error) {
			if _, again := rested.LoadOrStore(key, true); !again {
				return "", whipper.Snooze(100 * time.Millisecond)
			}
			return "rested", nil
		}),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
