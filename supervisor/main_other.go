//go:build unix && !linux

package supervisor

// Main calls run and returns what it returns. See the Linux one for what else it does there.
func Main(run func() int) int { return run() }
