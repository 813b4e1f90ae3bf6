// Package trace runs a program, stops it at its system calls, whichever of its
// threads makes them, and kills it there, lets the call fail, or sends it a
// signal. strace does the like, but counts a thread at a time, so what a second
// thread does between two calls of the first would never be cut off.
//
// Concurrency: several programs may be run at once; each has a process group of
// its own, so the children of the calling process stay its own.
package trace
