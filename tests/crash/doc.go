// Package crash kills ipp before each system call that changes something, and
// looks at what is left.
package crash
