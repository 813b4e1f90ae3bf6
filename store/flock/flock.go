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
// On disk a mutex is one line, "PID PURPOSE\n", of who last got it. It is a
// help for people, not part of the exclusion: what follows the line, or a line
// that can't be written because the disk is full, means nothing. Files made by
// Create hold their maker's data instead.
//
// Concurrency: one Lock excludes goroutines of the same process too, because
// each Acquire opens a descriptor of its own. The methods of one Lock are not
// for several goroutines at once.
package flock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
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

// announceAfter is how long a wait stays silent: shorter ones are over before
// anybody has read about them.
const announceAfter = time.Second

// BusyError says that somebody else holds the mutex.
type BusyError struct {
	Path   string
	Holder Holder
}

func (e *BusyError) Error() string {
	if e.Holder == (Holder{}) {
		return fmt.Sprintf("acquire %s: busy", e.Path)
	}
	return fmt.Sprintf("acquire %s: busy: held by %s", e.Path, e.Holder)
}

// Lock is a lock that is held.
type Lock struct {
	path      string
	file      *os.File
	inherited func() error // closes what Inherit opened
}

// Acquire opens or creates the file at path and locks it. purpose is written
// into the file for others to read; an empty one leaves the file as it is.
//
// When ctx ends, Acquire returns its error at once.
func Acquire(ctx context.Context, path string, mode Mode, purpose string, p Policy) (*Lock, error) {
	w := waiter{path: path, mode: mode, policy: p, silence: announceAfter}
	return w.acquire(ctx, purpose)
}

// Try is Acquire that never waits: *BusyError where the lock is held.
func Try(path string, mode Mode, purpose string) (*Lock, error) {
	return Acquire(context.Background(), path, mode, purpose, Policy{NoWait: true})
}

// isCurrent says whether path still names the locked file. Whoever deletes a
// mutex holds it, so from now on it stays so.
func isCurrent(file *os.File, path string) (bool, error) {
	mine, err := file.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return os.SameFile(mine, named), nil
}

// Release unlocks and closes. The file stays. After the first time, and after
// Remove, it does nothing.
func (l *Lock) Release() error {
	if l.file == nil {
		return nil
	}
	file := l.file
	l.file = nil
	err := unlock(file) // first: descriptors that others inherited share the lock
	if l.inherited != nil {
		err = errors.Join(err, l.inherited())
	}
	return errors.Join(err, file.Close())
}

// Remove deletes the file, then unlocks and closes.
func (l *Lock) Remove() error {
	if l.file == nil {
		return &fs.PathError{Op: "remove", Path: l.path, Err: os.ErrClosed}
	}
	err := os.Remove(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, l.Release())
}

// File is the descriptor that holds the lock, to append to or to pass on. It
// is nil once the lock is released, and it is not the caller's to close.
func (l *Lock) File() *os.File { return l.file }

// Inherit keeps the lock across exec: it ends when the program that replaces
// this one, and whatever that starts, has ended. Where programs can't replace
// each other (Windows) it does nothing: the process that waits for its child
// keeps the lock.
func (l *Lock) Inherit() error {
	if l.file == nil {
		return &fs.PathError{Op: "inherit", Path: l.path, Err: os.ErrClosed}
	}
	if l.inherited != nil {
		return nil
	}
	done, err := inherit(l.file)
	if err != nil {
		return &fs.PathError{Op: "inherit", Path: l.path, Err: err}
	}
	l.inherited = done
	return nil
}
