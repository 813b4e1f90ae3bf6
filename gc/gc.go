// Package gc decides what goes and in which order, and carries it out. It is
// neither the Go runtime's collector nor Kubo's `repo gc`.
//
// Plan is pure: facts and a policy in, and for each generation and each tree
// what becomes of it, with reasons. Apply follows design.md's "Collection" to
// the letter: prune every profile, durably; then, under one hold of sweep, look
// again and remove what nothing holds. What Plan said is never trusted at the
// deletion: liveness is read anew under sweep.
//
// Invariants. Nothing is deleted that a generation on disk, a kept root, a live
// lease or a running program refers to. A profile that is missing or can't be
// read aborts the sweep. A running program is never waited for.
//
// Concurrency: Apply may run in many processes; the mutex gc lets one at a time
// through.
package gc

import (
	"context"
	"time"

	"ipp/generation"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store"
)

// Policy says which old generations may go. The zero value removes none.
type Policy struct {
	Keep      int           // keep the newest Keep generations of each profile; 0: not said
	OlderThan time.Duration // drop those older than this; 0: not said
}

// Gen is what Plan needs to know of a generation.
type Gen struct {
	Profile ref.Name
	Dir     string // of the profile
	Number  generation.Number
	Parent  generation.Number
	Current bool
	Time    time.Time
	Trees   []store.Key
}

// Tree is what Plan needs to know of a tree.
type Tree struct {
	Key   store.Key
	Label string // name and version, for people
	Files []store.FileInfo
}

// Process is a running program that uses trees.
type Process struct {
	PID   int
	Name  string
	Trees []store.Key
}

// Facts are what was seen.
type Facts struct {
	Now       time.Time
	Gens      []Gen
	Trees     []Tree
	Roots     []store.Root
	Leases    []store.LeaseInfo
	Processes []Process
}

// GenFate is what becomes of a generation.
type GenFate struct {
	Gen
	Goes   bool
	Reason string // "current", "parent of current", "among the newest 5", "in use by PID 12 (esbuild)", "older than 30d" …
	Unique int64  // bytes that only this generation keeps
}

// TreeFate is what becomes of a tree.
type TreeFate struct {
	Key     store.Key
	Label   string
	Goes    bool
	Reasons []string // what keeps it; empty where it goes
	LastGen string   // the generation among those that go which held it last
	Bytes   int64    // that go with it, shared objects counted once
}

// Plan is what a collection would do.
type Plan struct {
	Gens  []GenFate
	Trees []TreeFate
	Bytes int64 // freed
}

// MakePlan decides; it is pure.
func MakePlan(f Facts, p Policy) *Plan { panic("signature") }

// Collector collects one store.
type Collector struct {
	Store   *store.Store
	Profile func(dir string) (*profile.Profile, error) // the profile at a root's directory
	Label   func(store.Key) string                     // name and version; may be nil
	Proc    string                                     // "/proc"; "" where there is none
	Now     func() time.Time
}

// MissingProfileError says that a registered profile can't be read.
type MissingProfileError struct {
	Dir string
	Err error
}

func (e *MissingProfileError) Error() string { panic("signature") }

// Facts looks at everything, without any mutex.
func (c *Collector) Facts() (Facts, error) { panic("signature") }

// Result is what a collection did.
type Result struct {
	Pruned map[ref.Name][]generation.Number
	Swept  store.Swept
	InUse  []Process
}

// Apply prunes by policy and sweeps.
func (c *Collector) Apply(ctx context.Context, p Policy) (Result, error) { panic("signature") }
