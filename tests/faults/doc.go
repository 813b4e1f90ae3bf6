// Package faults lets what ipp asks of the system fail: every call at which a
// disk may be full or broken, a file system that lacks something, a home that
// can't be used, outputs that are closed, signals at any moment. Each time ipp
// works, or says why; and what was there is whole.
package faults
