// Package lock turns wishes (profile.toml) and what is known into a lockfile
// (profile.lock): what exactly a generation holds, from whom, and why.
//
// Invariants. Resolve is pure and deterministic: the same wishes, the same old
// lock and the same known packages give the same lock on every machine. What is
// locked stays unless it no longer matches its wish or was asked to move. Both
// files are parsed strictly and written canonically: sorted, one entry a line,
// LF, no times and no host paths, so a profile's CID is equal everywhere.
//
// On disk: SPEC.md, with the frozen vectors of a profile's CID.
//
// Concurrency: all values are plain data; nothing here does I/O.
package lock

import (
	"ipp/lock/ref"

	"github.com/ipfs/go-cid"
)

// Wish is one line of [packages].
type Wish struct {
	Name       ref.Name       // under which it is installed
	Constraint ref.Constraint // zero where CID is set
	CID        cid.Cid        // an exact package
	Package    ref.Name       // its own name, where it is installed under another
	Channel    ref.Name
	Hold       bool
}

// Channel is one table of [channels].
type Channel struct {
	At, Root string
}

// Profile is profile.toml: what someone wished for.
type Profile struct {
	Channels map[ref.Name]Channel
	Packages []Wish              // sorted by name, names unique: see Wish, Put and Drop
	Prefer   map[string]ref.Name // forest path to package
	Keep     int                 // [policy] keep; 0: not said
}

// Size is what a signature says of one platform.
type Size struct {
	Bytes int64
	Files int
}

// Package is one package of a lockfile.
type Package struct {
	Name           ref.Name // under which it is installed
	Package        ref.Name // its own name, where that is another
	Version        ref.Version
	CID            cid.Cid
	Manifest       cid.Cid // Undef: none
	Key            string  // "": unsigned
	Channel        ref.Name
	ChannelVersion int64
	DagSize        uint64
	Wanted         string // the wish as written; "": only there because needed
	NeededBy       []ref.Name
	Platforms      map[ref.Platform]Size
	Commands       []ref.Command
}

// Lockfile is profile.lock.
type Lockfile struct {
	Packages []Package // sorted by name, names unique
}

// Candidate is a package that is known: Package without Wanted and NeededBy,
// and what it needs.
type Candidate struct {
	Package
	Dependencies map[ref.Name]ref.Constraint
	Before       []string // keys that its own took over from, or that the person lets it follow
}

// Known lists the candidates of a package's own name, in any order. It must
// answer the same each time during one Resolve.
type Known func(name ref.Name) []Candidate
