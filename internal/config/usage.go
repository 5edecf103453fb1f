package config

import (
	"regexp"
	"strings"
)

// ownWords are the usages that a file needs other words for than the flags.
var ownWords = map[string]string{
	"interpreter": "program that runs the script (default: python of $VIRTUAL_ENV, of the nearest .venv or on PATH; node on PATH)",
	"listen":      "addresses of sockets that all workers share, `[NAME=]tcp://HOST:PORT` or `[NAME=]unix:PATH`",
	"env":         "variables of the workers' environment; those of defaults hold where a pool does not set them",
	"env-file":    "files of `NAME=VALUE` lines for the workers' environment, below env",
	"http-host":   "names that requests to http may be sent to, besides its own address and localhost",
	"retain":      "how long jobs that are final are kept: `30d` of every state, `failed=90d` or `failed=forever` of one; also `count=1000000` or `size=2GiB`; `none` keeps all (default: 30d, failed=90d)",
	"cwd":         "workers' working folder (default: the file's folder)",
	"watch":       "in development: restart the workers when a file changes that matches one of these globs, as `**/*.py`",
}

// flagMention is a flag within a text.
var flagMention = regexp.MustCompile(`--([a-z])`)

// inFile is what a setting is for, told of a key and not of a flag, and in words what holds where v is not set; "": that needs
// no telling, or v tells it. Both are Markdown.
func (s Setting[T]) inFile(v Value) (usage, otherwise string) {
	usage = s.Usage
	if own, ok := ownWords[s.Name]; ok {
		usage = own
	}
	usage, otherwise, _ = strings.Cut(usage, " (default: ")
	otherwise = strings.TrimSuffix(otherwise, ")")
	switch v := v.(type) {
	case *Count:
		otherwise = v.Fallback
	case *Choice:
		otherwise = v.Fallback
	}
	return flagMention.ReplaceAllString(usage, "$1"), flagMention.ReplaceAllString(otherwise, "$1")
}
