// Package pin has packages kept by others: by a Kubo node, which is given the
// blocks, or by a pinning service, which fetches them itself.
//
// A Kubo node is talked to by its RPC: the blocks go there as a CAR, so it never
// has to reach us. A pinning service speaks the Pinning Service API
// (https://ipfs.github.io/pinning-services-api-spec/, version 1), and is told
// where the blocks are to be had.
//
// Invariants, besides those of package web.
//
//   - Every wait ends: who is silent for a while, or makes no headway, is given
//     up, and so is who is slow without end.
//   - No answer takes more than maxAnswer bytes of memory, or maxLine of one that
//     is read in lines. Nothing in it is taken on trust: a CID or a name that was not
//     asked for is an error.
//   - No redirect is followed: blocks and tokens are for the address that was named.
//   - A token is sent by https, or to this machine, and is in no error.
//   - Nothing is unpinned, and no pin renamed, but by Unpin and Pin, whose callers
//     know that it is theirs.
//
// Concurrency: Kubo and Service are safe for concurrent use.
package pin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	answering = 10 * time.Second // of silence, while an answer is due
	taking    = 30 * time.Second // in which nothing of what is sent is taken, or written to its disk

	maxAnswer = 1 << 20
	maxLine   = 64 << 10 // of an answer in lines
	maxWords  = 4 << 10  // of what is said about an error
)

// RefusedError is an answer that says no.
type RefusedError struct {
	Status  int    // of HTTP; 0: said in an answer that began well
	Message string // may be empty
}

func (e *RefusedError) Error() string {
	status := ""
	if e.Status != 0 {
		status = strings.TrimSpace(fmt.Sprintf("it answers %d %s", e.Status, http.StatusText(e.Status)))
	}
	switch {
	case e.Message == "":
		return status
	case status == "" || e.Status == http.StatusInternalServerError: // which says no more
		return "it says: " + e.Message
	}
	return status + ": " + e.Message
}

// Denied says that who asks is not let in.
func (e *RefusedError) Denied() bool {
	return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
}

// SilentError says that nothing came for so long.
type SilentError struct{ For time.Duration }

func (e *SilentError) Error() string { return fmt.Sprintf("it has been silent for %s", e.For) }

// LateError says that something took too long, though it went on.
type LateError struct{ After time.Duration }

func (e *LateError) Error() string { return fmt.Sprintf("it is not done after %s", e.After) }

// StuckError says that who is to pin gets no further.
type StuckError struct{ For time.Duration }

func (e *StuckError) Error() string {
	return fmt.Sprintf("it makes no headway for %s: there are blocks that it can't get", e.For)
}

// WriteError says that what was to be sent could not be had.
type WriteError struct{ Err error }

func (e *WriteError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *WriteError) Unwrap() error { return e.Err }

// errWrong says that an answer makes no sense.
func errWrong(format string, args ...any) error {
	return fmt.Errorf("its answer makes no sense: "+format, args...)
}

// patient is ctx until nothing was heard for d.
func patient(ctx context.Context, d time.Duration) (_ context.Context, heard func(), stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(d, func() { cancel(&SilentError{d}) })
	return ctx, func() { late.Reset(d) }, func() {
		late.Stop()
		cancel(nil)
	}
}

// because is err, or why ctx ended where that is the reason.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}
