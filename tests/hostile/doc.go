// Package hostile gives the real binary what an attacker would: packages and
// archives made by hand, block by block, and damaged files of ipp's own. Each
// case says which attack it is, and every verb that reads packages is tried:
// what it prints and its exit code stand in testdata/*.golden, word for word.
// Whatever fails leaves the home directory as it was, to the last byte and mode;
// memory is bounded, and what uses 20 seconds of a processor is killed.
//
// README.md lists the attacks, what ipp requires, and which tests hold it.
//
// `go test ./tests/hostile -update` writes the golden files anew: read the
// difference as you would read code.
package hostile
