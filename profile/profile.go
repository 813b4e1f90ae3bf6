// Package profile is a user's named history of generations, the pointer to the
// current one, and the transaction that changes it.
//
// On disk, below the state directory (design: Store on disk):
//
//	profiles/NAME/N/        generations, see package generation
//	profiles/NAME/N.gone    pruned; its name keeps the number N from being used again
//	profiles/NAME/tmp.LEASE a forest being built
//	profiles/NAME/current   -> N
//	profiles/NAME/log       one JSON line a flip
//	profiles/NAME/mutex     exclusion between those who flip or prune
//	store                   -> the store, the one absolute link
//
// Invariants (the order of fsyncs is design.md's "Commit", model-checked in
// tests/model; change the model first).
//
//   - current always points to a whole generation, whose trees are in the store.
//   - The rename to N takes the number; numbers are never used twice, because
//     the highest N or N.gone is never removed.
//   - Success, "nothing to do" included, is reported only after an fsync of the
//     profile's directory under the mutex.
//   - Rollback goes to the parent of the current generation, not to N-1.
//
// Concurrency: safe between goroutines and processes. Update builds its forest
// unlocked, then compares current under the mutex and begins again if it moved,
// so an edit may run several times.
package profile

import (
	"context"
	"time"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/store"
	"ipp/store/flock"
)

// Options of a Profile.
type Options struct {
	State string // $XDG_STATE_HOME/ipp
	Wait  flock.Policy
	Now   func() time.Time // time.Now where nil
	User  string           // for the log
	Host  string           // for the log
}

// Profile is one profile; it need not exist on disk yet.
type Profile struct{ _ int }

// Open names the profile; it reads and writes nothing.
func Open(name ref.Name, opt Options) *Profile { panic("signature") }

// List lists the profiles below a state directory.
func List(state string) ([]ref.Name, error) { panic("signature") }

// Dir is the profile's directory, that of its store root.
func (p *Profile) Dir() string { panic("signature") }

// Name is the profile's name.
func (p *Profile) Name() ref.Name { panic("signature") }

// Current reads the current generation; nil where there is none yet.
func (p *Profile) Current() (*generation.Generation, error) { panic("signature") }

// CurrentNumber reads the pointer alone; 0 where there is none yet.
func (p *Profile) CurrentNumber() (generation.Number, error) { panic("signature") }

// Generations reads all generations on disk, the lowest number first.
func (p *Profile) Generations() ([]*generation.Generation, error) { panic("signature") }

// Get reads one generation; an error that Is fs.ErrNotExist where there is none.
func (p *Profile) Get(n generation.Number) (*generation.Generation, error) { panic("signature") }

// State is what an edit changes.
type State struct {
	Wishes *lock.Profile
	Lock   *lock.Lockfile
}

// Edit makes a new state from an old one. It may run again, so it has no
// effect beyond leased contents of the store. Before it returns, every tree
// that the new state needs is in the store, and Members gives them.
type Edit func(ctx context.Context, old State) (State, []generation.Member, error)

// Reason is why a change is made, for generation.toml and the log.
type Reason struct {
	Command string // "install esbuild.car"
}

// Change is what a transaction did.
type Change struct {
	From, To generation.Number
	Nothing  bool // To equals From, and that is durable
	Old, New *lock.Lockfile
}

// Check plans the forest that an update would build, and writes nothing.
func (p *Profile) Check(members []generation.Member, wishes *lock.Profile, st *store.Store) error {
	panic("signature")
}

// Update is the transaction: edit, forest, flip. The lease is released by the
// caller, after it reported success.
func (p *Profile) Update(ctx context.Context, st *store.Store, l *store.Lease, why Reason, edit Edit) (Change, error) {
	panic("signature")
}

// Rollback flips to generation n, or to the parent of the current one where n
// is 0. It needs no store.
func (p *Profile) Rollback(ctx context.Context, n generation.Number, why Reason) (Change, error) {
	panic("signature")
}

// Errors of Rollback.
type (
	// NoParentError says that the current generation has no parent to go to.
	NoParentError struct{ Current generation.Number }
	// NoGenerationError says that a generation is not there (any more).
	NoGenerationError struct {
		Number generation.Number
		Gone   bool // it was pruned
		Has    []generation.Number
	}
)

func (e *NoParentError) Error() string     { panic("signature") }
func (e *NoGenerationError) Error() string { panic("signature") }

// LogEntry is one line of the log.
type LogEntry struct {
	Format  int               `json:"format"`
	Time    time.Time         `json:"time"`
	User    string            `json:"user"`
	Host    string            `json:"host"`
	Command string            `json:"command"`
	From    generation.Number `json:"from"`
	To      generation.Number `json:"to"`
}

// Log reads the log; a torn last line is left out.
func (p *Profile) Log() ([]LogEntry, error) { panic("signature") }

// Prune removes generations: under the mutex, after an fsync, it hands what is
// there to choose, renames what that returns to N.gone, fsyncs and empties them.
// The current generation and its parent are never handed over.
func (p *Profile) Prune(ctx context.Context, choose func(old []*generation.Generation) ([]generation.Number, error)) ([]generation.Number, error) {
	panic("signature")
}

// SweepTemp removes tmp.LEASE directories whose lease is not live.
func (p *Profile) SweepTemp(live func(leaseID string) bool) error { panic("signature") }
