// Package config knows what can be set: for a pool, and for the supervisor that runs it. Each setting stands once, in
// PoolSettings or SupervisorSettings. The flags of whipper exec and the keys of whipper.yaml are made from these tables, so
// that neither can know more than the other.
//
// To add a setting, give Pool or Supervisor a field (or supervisor.Options, which Pool embeds) and the table a row.
//
// The package refuses to know of a command line, of environment variables and of where a pool runs. It starts no goroutine.
package config
