// Package gc decides what goes and in which order, and carries it out. It is
// neither the Go runtime's collector nor Kubo's `repo gc`.
//
// Plan is pure: facts and a policy in, and for each generation and each tree
// what becomes of it, with reasons. Apply follows design.md's "Collection" to
// the letter: prune every profile, durably; then, under one hold of sweep, look
// again and rename away what nothing holds; then unlink objects under short holds,
// each after a look at what was published meanwhile. What Plan said is never
// trusted at the deletion: liveness is read anew under sweep, but for generations
// whose files are those that were read moments before.
//
// Invariants. Nothing is deleted that a generation on disk, a kept root, a live
// lease or a running program refers to. A profile that is missing or can't be
// read aborts the sweep. A running program is never waited for. Errors on
// single files are collected, and sweeping goes on.
//
// Concurrency: Apply may run in many processes; the mutex gc lets one at a time
// through. Facts takes no mutex, so it may see two moments at once: good enough
// to show, and for a policy, never for a deletion.
package gc

import (
	"fmt"
	"time"

	"ipp/generation"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store"
)

// Policy says which old generations may go. The zero value removes none.
//
// Both together keep what either keeps: a generation goes only if it is beyond
// the newest Keep and older than OlderThan. The current generation and its
// parent always stay.
type Policy struct {
	// Keep keeps the newest Keep generations of each profile, counted by number,
	// the current one and its parent included; 0: not said. Then each profile's
	// own [policy] keep counts, where OlderThan asks for a removal at all.
	Keep      int
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
	Trees   []int32 // which of Facts.Keys it holds
}

// Tree is what Plan needs to know of a tree.
type Tree struct {
	Key   store.Key
	Label string // name and version, for people
	Files []store.FileInfo
	Err   error // why Files can't be told
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
	Keys      []store.Key    // that generations hold, each once
	Keep      map[string]int // [policy] keep by a profile's directory; 0: not said
	Trees     []Tree
	Roots     []store.Root
	Leases    []store.LeaseInfo
	Processes []Process
	Staged    []store.Staged // unfinished work that no lease protects
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
	Reasons []Reason // what keeps it; empty where it goes
	Last    *Reason  // the generation among those that go which held it last; nil: none did
	Bytes   int64    // that go with it, shared objects counted once
	Err     error    // its files can't be told: if it stays, the sweep ends there
}

// Plan is what a collection would do.
type Plan struct {
	Gens  []GenFate  // by profile and number
	Trees []TreeFate // by key
	Bytes int64      // freed, without Staged

	Staged int64 // bytes of unfinished work that go
}

// MissingProfileError says that a registered profile can't be read. If it is
// gone for good, `ipp forget --profile-root DIR` says so.
type MissingProfileError struct {
	Dir string
	Err error
}

func (e *MissingProfileError) Error() string {
	return fmt.Sprintf("read profile %s: %v", e.Dir, e.Err)
}

func (e *MissingProfileError) Unwrap() error { return e.Err }

// NoProcError says that which programs run can't be told, so nothing is removed.
type NoProcError struct{ Path string }

func (e *NoProcError) Error() string {
	return fmt.Sprintf("look for running programs: %s is not mounted", e.Path)
}

// Collector collects one store.
type Collector struct {
	Store   *store.Store
	Profile func(dir string) (*profile.Profile, error) // the profile at a root's directory
	Label   func(store.Key) string                     // name and version; may be nil
	Proc    string                                     // "/proc"; "" where there is none
	Now     func() time.Time                           // time.Now where nil
}

// Result is what a collection did, also where it failed half way.
type Result struct {
	Pruned map[ref.Name][]generation.Number
	Swept  store.Swept
	InUse  []Process         // running programs, and the trees that they keep
	Leases []store.LeaseInfo // work in progress, and what it keeps
}
