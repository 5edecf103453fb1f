package main

import (
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/internal/config"
	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// filterFlags say which jobs of the ledger are meant.
func filterFlags() []cli.Flag {
	return []cli.Flag{
		listFlag("state", "only jobs in this `STATE`; may be repeated"),
		stringFlag("method", "", "only jobs of this method"),
		stringFlag("pool", "", "only jobs of this pool"),
		momentFlag("since", true, "only jobs submitted since then: a time, or a duration back from now"),
		momentFlag("until", true, "only jobs submitted before then: a time, or a duration back from now"),
		stringFlag("label", "", "only jobs with this label, `NAME=VALUE`"),
	}
}

func ledgerDirFlag() cli.Flag {
	return stringFlag("dir", "", "folder of the ledger (default: the nearest "+config.DefaultDir+" upward from here)")
}

// jobFilter is which jobs the flags mean. Times are whole milliseconds, as on the socket.
func jobFilter(cc *cli.Context) (ledger.Filter, error) {
	states, err := parseStates(cc.StringSlice("state"))
	f := ledger.Filter{
		Pool: cc.String("pool"), Method: cc.String("method"), States: states,
		Since: momentOf(cc, "since").Truncate(time.Millisecond), Until: momentOf(cc, "until").Truncate(time.Millisecond),
	}
	if err != nil {
		return f, err
	}
	if label := cc.String("label"); label != "" {
		name, value, ok := strings.Cut(label, "=")
		if !ok || name == "" {
			return f, misuse("write --label NAME=VALUE", "--label %q has no name and value", label)
		}
		f.LabelName, f.LabelValue = name, value
	}
	if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return f, misuse("--since is where the time begins, --until where it ends", "--since is not before --until, so no job could match")
	}
	return f, nil
}

func filtered(f ledger.Filter) bool {
	return f.Pool != "" || f.Method != "" || len(f.States) > 0 || !f.Since.IsZero() || !f.Until.IsZero() || f.LabelName != ""
}

// onSocket is a filter as the socket takes it, once for each state.
func onSocket(f ledger.Filter) []jsonrpc.ListParams {
	p := jsonrpc.ListParams{Pool: f.Pool, Method: f.Method, Since: jsonrpc.TimePtr(f.Since), Until: jsonrpc.TimePtr(f.Until)}
	if f.LabelName != "" {
		p.Label = &jsonrpc.Label{Name: f.LabelName, Value: f.LabelValue}
	}
	var all []jsonrpc.ListParams
	for _, s := range f.States {
		p.State = string(s)
		all = append(all, p)
	}
	return all
}
