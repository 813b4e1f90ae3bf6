// Package generation builds generations: immutable, numbered forests of
// symlinks, each with the profile.toml and profile.lock that made it.
//
// On disk a generation is a directory N below a profile's directory:
//
//	bin/ sbin/ share/ etc/ lib/ libexec/ include/   the forest
//	profile.toml profile.lock                       what made it
//	generation.toml                                 parent, time, reason, trees
//
// Every link of a forest is relative and goes through the one store link, four
// levels up from N/bin: ../../../../store/trees/ROOT.PART/…; so a forest is the
// same on every machine, and a store moves by changing one link. A directory
// that one package owns alone is one link; where several share it, it is a real
// directory of links.
//
// Invariants. Plan decides everything and writes nothing: a conflict changes
// nothing. Write only ever creates, below a directory that is not visible yet.
//
// Concurrency: values are immutable once made.
package generation

import (
	"io/fs"
	"time"

	"ipp/lock"
	"ipp/lock/ref"
	"ipp/store"
)

// Number numbers the generations of a profile, from 1; 0 is none.
type Number int

// ParseNumber parses a generation's number as people type it.
func ParseNumber(s string) (Number, error) { panic("signature") }

// Member is a package that joins a forest: its tree and what it exposes.
type Member struct {
	Name     ref.Name
	Version  ref.Version
	Key      store.Key
	Bases    []string               // tree-relative directories, the more specific first; "." for the tree itself
	Commands map[ref.Command]string // forest bin: command to tree-relative path
}

// Forest is a planned forest: forest path to what it links to.
type Forest struct{ _ int }

// Link is one link of a forest.
type Link struct {
	Path   string    // in the forest
	Owner  ref.Name  // the package
	Key    store.Key // its tree
	Target string    // tree-relative
}

// Conflict is a path that two packages bring.
type Conflict struct {
	Path string
	A, B Member
}

// ConflictError lists every conflict of a plan.
type ConflictError struct{ Conflicts []Conflict }

func (e *ConflictError) Error() string { panic("signature") }

// Plan plans the forest of members. trees is the store's directory of trees;
// prefer says which package wins a path. Files with equal contents (the same
// object) are no conflict.
func Plan(members []Member, prefer map[string]ref.Name, trees fs.FS) (*Forest, error) {
	panic("signature")
}

// Links lists the links by path.
func (f *Forest) Links() []Link { panic("signature") }

// Info is generation.toml.
type Info struct {
	Parent Number // 0: none
	Time   time.Time
	Reason string // the command that made it
	Trees  []store.Key
}

// Generation is a generation on disk.
type Generation struct {
	Number
	Dir    string
	Info   Info
	Wishes []byte // profile.toml
	Lock   *lock.Lockfile
}

// Write writes the forest and the files of g into dir, which must not exist.
// g.Number and g.Dir are ignored. Nothing is synced: the caller does that.
func Write(dir string, f *Forest, g *Generation) error { panic("signature") }

// Read reads a generation's files, not its forest.
func Read(dir string, n Number) (*Generation, error) { panic("signature") }

// ReadInfo reads generation.toml alone.
func ReadInfo(dir string) (Info, error) { panic("signature") }
