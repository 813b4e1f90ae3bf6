// Package flock is exclusion between processes, by flock(2) on files that say
// who holds them and why.
//
// Invariants. A mutex file is never deleted on release; who deletes one (gc,
// for staging mutexes) holds it, and Acquire notices a deleted file and starts
// over, so two holders never hold two files of one name. No lock is converted
// from shared to exclusive. A lock ends with its descriptor, so it ends with
// its process, however that ends. ENOLCK and the like are errors with their
// cause, never "busy".
//
// Concurrency: one Lock excludes goroutines of the same process too, because
// each Acquire opens a descriptor of its own.
package flock

import (
	"context"
	"os"
)

// Mode is Shared or Exclusive.
type Mode int

// The modes of a lock.
const (
	Shared Mode = iota
	Exclusive
)

// Policy says how to wait. The zero value waits for ever, in silence.
type Policy struct {
	NoWait   bool                             // fail with *BusyError instead of waiting
	Announce func(path string, holder Holder) // called once after a second of waiting
}

// Holder is who last wrote its name into a mutex file; what a dead process
// left is reported too, for lack of better.
type Holder struct {
	PID     int
	Purpose string
}

// BusyError says that somebody else holds the mutex.
type BusyError struct {
	Path   string
	Holder Holder
}

func (e *BusyError) Error() string { panic("signature") }

// Lock is a lock that is held.
type Lock struct{ _ int }

// Acquire opens or creates the file at path and locks it.
func Acquire(ctx context.Context, path string, mode Mode, purpose string, p Policy) (*Lock, error) {
	panic("signature")
}

// Try is Acquire that never waits: *BusyError where the lock is held.
func Try(path string, mode Mode, purpose string) (*Lock, error) { panic("signature") }

// Create makes a new file that did not exist, locked exclusively, holding data.
// The file appears under its name already locked.
func Create(path string, data []byte) (*Lock, error) { panic("signature") }

// Release unlocks and closes. The file stays.
func (l *Lock) Release() error { panic("signature") }

// Remove deletes the file, then unlocks and closes.
func (l *Lock) Remove() error { panic("signature") }

// File is the descriptor that holds the lock, to append to or to pass on.
func (l *Lock) File() *os.File { panic("signature") }

// Inherit keeps the lock across exec: it ends when the program that replaces
// this one, and whatever that starts, has ended.
func (l *Lock) Inherit() error { panic("signature") }
