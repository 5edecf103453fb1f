// Command bench measures whipper beside the floor under it and beside peers, which are other ways to do the same: all in one run, in turns. docs/benchmarks.md says
// what each part measures.
//
//	go run ./bench [-quick] [-part durable,submit] [-turns 5] [-peers=false] [-docs] [-from bench/results/bench.json]
//
// It runs whole processes through public interfaces, from the repository's root, and prints a table of medians and their ratios. The table, a chart and all figures
// are left in bench/results.
package main
