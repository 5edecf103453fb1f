// Command bench measures whipper against the floor under it, in the same run: a Node worker on bare pipes, a bare loop of SQL statements, an empty ledger, a
// process that does nothing. docs/benchmarks.md says what each part measures.
//
//	go run ./bench [-part calls,supervision] [-runs 5] [-jobs 20000] [-calls 5000] [-history 1000000,5000000] [-left 100000]
//
// It runs whole processes through public interfaces, from the repository's root, and prints medians of repeated runs and their ratios. Durable
// jobs are fsynced; the floor on bare pipes keeps nothing.
package main
