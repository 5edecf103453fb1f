// Package endtoend holds the tests that build the real binary and drive it as a user would: real supervisors, real Node,
// Python and Perl workers, real signals. It has no code of its own.
package endtoend
