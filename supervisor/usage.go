package supervisor

import "time"

// treeUsage is what a worker's process tree uses.
type treeUsage struct {
	processes int           // that have not been waited for, the worker's own included
	rss       int64         // resident bytes; a page that several of them share counts for each
	cpu       time.Duration // of those that live and of the children they have waited for
}
