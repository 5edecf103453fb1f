package main

import (
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/internal/config"
	"github.com/whipper-sidecar/whipper/ledger"
)

// filterFlags say which jobs of the ledger are meant.
func filterFlags() []cli.Flag {
	return []cli.Flag{
		listFlag("state", "only jobs in this `STATE`; may be repeated"),
		stringFlag("method", "", "only jobs of this method"),
		stringFlag("pool", "", "only jobs of this pool"),
		momentFlag("since", -1, "only jobs submitted since then: a time, or a duration back from now"),
		momentFlag("until", -1, "only jobs submitted before then: a time, or a duration back from now"),
		listFlag("label", "only jobs with this label, `NAME=VALUE`"),
		stringFlag("grep", "", "only jobs in which this `TEXT` occurs: in the method, key, labels, params, result, an error or the stderr of an attempt"),
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
		Since: momentOf(cc, "since").Truncate(time.Millisecond), Until: momentOf(cc, "until").Truncate(time.Millisecond), Grep: cc.String("grep"),
	}
	if err != nil {
		return f, err
	}
	labels := slices.DeleteFunc(cc.StringSlice("label"), func(s string) bool { return s == "" })
	if len(labels) > 1 {
		return f, misuse("give the other one to --grep", "--label can be given once, but is there %d times", len(labels))
	}
	for _, label := range labels {
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
	return f.Pool != "" || f.Method != "" || len(f.States) > 0 || !f.Since.IsZero() || !f.Until.IsZero() || f.LabelName != "" || f.Grep != ""
}
