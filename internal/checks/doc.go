// Package checks holds the repository to itself. Its tests assert which package may import which, that the protocol's
// codes and methods are documented, that links and make targets in the docs are real, that generated documents are in
// step with the code, and that no file carries a developer's own paths or unfinished work. It has no code outside its
// tests.
//
// Each check is a function from what it reads to a list of problems, with a test that shows it finding some, and a
// test that finds none in this repository.
package checks
