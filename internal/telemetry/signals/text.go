package signals

import "strings"

// Bounds of what workers and callers put into spans, in bytes: as many spans as the queue holds wait for a collector that hangs.
const (
	mostMethod  = 255
	mostMessage = 1 << 10
)

// cut gives at most so many bytes of text, in memory of their own, and says so.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	const more = "…"
	return strings.ToValidUTF8(text[:most-len(more)], "") + more
}
