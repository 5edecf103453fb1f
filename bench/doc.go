// Command bench measures whipper against the floor under it: the same Node worker on bare pipes, in the same run.
//
//	go run ./bench [-part all|calls|sdk|supervision] [-runs 5] [-jobs 20000] [-calls 5000]
//
// It runs whole processes through public interfaces, from the repository's root, and prints medians of repeated runs and their ratios. Durable
// jobs are fsynced; the floor keeps nothing.
package main
