package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/internal/config"
	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

func callCommand(c *console) *cli.Command {
	return &cli.Command{
		Name:      "call",
		Usage:     "invoke a method, wait, and print its result as JSON",
		ArgsUsage: "METHOD [PARAM...]",
		Description: "Each PARAM is JSON; name=JSON gives parameters by name. Flags go before METHOD.\n" +
			"The call belongs to this command: Ctrl-C cancels it.",
		Flags: append([]cli.Flag{
			durationFlag("timeout", "how long the call may run (default: the pool's --invocation-timeout)"),
			priorityFlag(),
			poolFlag(),
			boolFlag("string", "take every PARAM as plain text"),
			boolFlag("json", "print the whole reply: result or error, and what is known about the job"),
		}, placeFlags()...),
		Action: func(cc *cli.Context) error { return call(c, cc) },
	}
}

// reply is what call --json prints.
type reply struct {
	Result json.RawMessage      `json:"result,omitempty"`
	Error  *jsonrpc.Error       `json:"error,omitempty"`
	Meta   jsonrpc.ResponseMeta `json:"meta"`
}

func call(c *console, cc *cli.Context) error {
	if cc.NArg() == 0 {
		return misuse("whipper call METHOD [PARAM...]", "call needs a method")
	}
	p, err := params(cc.Args().Tail(), cc.Bool("string"))
	if err != nil {
		return err
	}
	return c.withClient(cc, func(ctx context.Context, client *whipper.Client) error {
		method := cc.Args().First()
		result, meta, err := client.Invoke(ctx, jsonrpc.InvokeParams{
			Pool:      cc.String("pool"),
			Method:    method,
			Params:    p,
			TimeoutMs: milliseconds(durationOf(cc, "timeout")),
			Priority:  countOf(cc, "priority"),
		})
		var e *jsonrpc.Error
		if err != nil && !errors.As(err, &e) {
			return err
		}
		if cc.Bool("json") {
			if e == nil && result == nil {
				result = json.RawMessage("null")
			}
			if err := c.printJSON(reply{result, e, meta}); err != nil {
				return err
			}
		} else if e == nil {
			if meta.Dropped {
				c.say("whipper: all workers are at capacity and the pool drops calls then (--at-capacity drop): the call did not run")
			}
			return c.printRaw(result)
		}
		if e == nil {
			return nil
		}
		if meta.Job == 0 {
			return e // refused
		}
		return c.callFailure(ctx, client, cc.String("pool"), method, e, meta.ErrorSource)
	})
}

// callFailure is the failure of a call of method. A worker's own error may have any code.
func (c *console) callFailure(ctx context.Context, client *whipper.Client, pool, method string, e *jsonrpc.Error, source string) error {
	f := &failure{Code: exitFailed, Err: errors.New(describeError(method+" failed", e))}
	switch {
	case source == string(ledger.FromWhipper):
		f.Code = refusalCode(e)
		if e.Code == jsonrpc.CodeTimeout {
			f.Hint = "--timeout gives it longer"
		}
	case e.Code == jsonrpc.CodeMethodNotFound:
		methods := e.Details().Methods
		if methods == nil {
			methods = declaredMethods(ctx, client, pool)
		}
		if len(methods) > 0 {
			f.Err = fmt.Errorf("the worker has no method %q", method)
			f.Hint = "it has " + strings.Join(methods, ", ")
			if near := config.Nearest(method, methods); near != "" {
				f.Hint = "did you mean " + near + "? The worker has " + strings.Join(methods, ", ")
			}
		}
	}
	return f
}

// declaredMethods are what a pool's workers say they offer; nil if that cannot be found out.
func declaredMethods(ctx context.Context, client *whipper.Client, pool string) []string {
	list, err := client.Pools(ctx)
	if err != nil {
		return nil // the call's own error matters more
	}
	for _, p := range list.Pools {
		if p.Name == pool || pool == "" && len(list.Pools) == 1 {
			return p.Methods
		}
	}
	return nil
}

// describeError is an error with its type, and below it what else its sender told: stack, fields or data.
func describeError(what string, e *jsonrpc.Error) string {
	var b strings.Builder
	b.WriteString(what + ": " + e.Error())
	d := e.Details()
	switch {
	case d.Stack != "":
		b.WriteString("\n" + indent(d.Stack, "  "))
	case d.Type == "" && len(e.Data) > 0:
		fmt.Fprintf(&b, "\n  code %d, data %s", e.Code, e.Data)
	case d.Type == "":
		fmt.Fprintf(&b, " (code %d)", e.Code)
	}
	if len(d.Fields) > 0 {
		fmt.Fprintf(&b, "\n  fields %s", d.Fields)
	}
	return b.String()
}

// milliseconds rounds up: a timeout that was asked for must not become none.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
