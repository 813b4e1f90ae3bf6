// Package lock turns wishes (profile.toml) and what is known into a lockfile
// (profile.lock): what exactly a generation holds, from whom, and why.
//
// Invariants. Resolve is pure and deterministic: the same wishes, the same old
// lock and the same known packages give the same lock on every machine. What is
// locked stays unless it no longer matches its wish or was asked to move. Both
// files are parsed strictly and written canonically: sorted, one entry a line,
// LF, no times and no host paths, so a profile's CID is equal everywhere.
//
// Concurrency: all values are plain data; nothing here does I/O.
package lock

import (
	"ipp/lock/ref"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// Wish is one line of [packages].
type Wish struct {
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
	Packages map[ref.Name]Wish
	Prefer   map[string]ref.Name // forest path to package
	Keep     int                 // [policy] keep; 0: not said
}

// ParseProfile parses profile.toml strictly.
func ParseProfile(file string, data []byte) (*Profile, error) { panic("signature") }

// Encode writes p canonically. The empty profile is `format = 1`.
func (p *Profile) Encode() []byte { panic("signature") }

// Clone copies p, to be edited.
func (p *Profile) Clone() *Profile { panic("signature") }

// Equal compares wishes, not spelling.
func (p *Profile) Equal(o *Profile) bool { panic("signature") }

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

// ParseLock parses profile.lock strictly.
func ParseLock(file string, data []byte) (*Lockfile, error) { panic("signature") }

// Encode writes l canonically.
func (l *Lockfile) Encode() []byte { panic("signature") }

// Find returns the package of that name, or nil.
func (l *Lockfile) Find(name ref.Name) *Package { panic("signature") }

// Candidate is a package that is known: Package without Wanted and NeededBy,
// and what it needs.
type Candidate struct {
	Package
	Dependencies map[ref.Name]ref.Constraint
}

// Known lists the candidates of a package's own name, in any order. It must
// answer the same each time during one Resolve.
type Known func(name ref.Name) []Candidate

// Resolve finds a package for each wish and for whatever these need. upgrade
// says which names may move although what is locked still matches; nil: none.
// Held packages never move.
func Resolve(wishes *Profile, old *Lockfile, known Known, upgrade func(ref.Name) bool) (*Lockfile, error) {
	panic("signature")
}

// NotFoundError says that no known package has the name, or none that matches;
// Near are names spelled alike, Has the versions that are known.
type NotFoundError struct {
	Name       ref.Name
	Constraint ref.Constraint
	NeededBy   ref.Name
	Near       []ref.Name
	Has        []ref.Version
}

func (e *NotFoundError) Error() string { panic("signature") }

// AmbiguousError lists packages of one name and version that differ (or come
// from different authors); the person has to say a CID.
type AmbiguousError struct {
	Name       ref.Name
	Candidates []Candidate
}

func (e *AmbiguousError) Error() string { panic("signature") }

// UnsatisfiableError says which wishes clash.
type UnsatisfiableError struct {
	Name  ref.Name
	Asked map[ref.Name]ref.Constraint // who asks for what; "": the person
	Has   []ref.Version
}

func (e *UnsatisfiableError) Error() string { panic("signature") }

// Change is a difference between two lockfiles for one name; Old or New is nil
// where it is added or removed.
type Change struct {
	Name     ref.Name
	Old, New *Package
}

// Diff lists what differs, sorted by name. Equal packages with other reasons
// (Wanted, NeededBy) are not a difference.
func Diff(old, new *Lockfile) []Change { panic("signature") }

// ProfileDAG builds the profile's own UnixFS directory: profile.toml in
// canonical form, profile.lock, and packages/NAME links. Its CID is equal on
// every machine.
func ProfileDAG(b *dag.Builder, p *Profile, l *Lockfile) (dag.Link, error) { panic("signature") }
