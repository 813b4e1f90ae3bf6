// Package homes makes small homes of ipp, knows what can be done in them, and
// what must hold there whatever happened: for tests that cut ipp off, make its
// system calls fail, or send it signals.
package homes
