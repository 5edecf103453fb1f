//go:build unix && !linux

package supervisor

// usage is not known here.
func usage([]int) map[int]treeUsage { return nil }

// sharedOnce is not known here.
func sharedOnce(int) (int64, bool) { return 0, false }
