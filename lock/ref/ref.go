// Package ref holds the words that people type: package names, commands,
// versions, constraints, platforms, and REF, the one grammar by which every
// verb names a package.
//
// Each word is parsed once, at the edge, into a type of its own; a value of
// such a type is valid wherever it is met. Parsing is pure: it asks neither
// the disk nor the network, so the meaning of a REF never depends on what
// happens to lie in the working directory. The spelling is that of the
// formats page in the README ("Names, versions, platforms" and "REF").
//
// All types are values and safe for concurrent use.
package ref

import "github.com/ipfs/go-cid"

// Name is the name of a package, profile or channel.
type Name string

// Command is the name of a program in a forest's bin directory.
type Command string

// Version is a package's version: semver where it parses as such, otherwise
// an opaque word that only matches itself.
type Version string

// Constraint says which versions are wanted. The zero value is not valid;
// Any matches every release.
type Constraint struct {
	text string
}

// Platform is GOOS-GOARCH[-VARIANT].
type Platform string

// Kind says which form of REF was typed.
type Kind int

// The forms of a REF.
const (
	Path   Kind = iota + 1 // ./dir, /abs, x.car
	CID                    // any base or version, with an optional path below it
	Prefix                 // 12 characters or more of a CID
	IPNS                   // ipns://NAME
	Named                  // [CHANNEL/]NAME[@CONSTRAINT]
)

// Ref is a parsed REF.
type Ref struct {
	Kind       Kind
	Text       string     // as typed
	Path       string     // Path
	CID        cid.Cid    // CID, as CIDv1
	Sub        string     // CID: slash-separated path below it, or ""
	Prefix     string     // Prefix
	IPNS       string     // IPNS
	Channel    Name       // Named, or ""
	Name       Name       // Named
	Constraint Constraint // Named; Any where none was typed
	Explicit   bool       // Named: a constraint was typed
}

// SyntaxError says which word is wrong, why, and what is allowed.
type SyntaxError struct {
	What, Text, Why, Allowed string
}

func (e *SyntaxError) Error() string { panic("signature") }

// Parse parses a REF.
func Parse(s string) (Ref, error) { panic("signature") }

// ParseName, ParseCommand, ParseVersion, ParseConstraint and ParsePlatform
// parse one word each.
func ParseName(s string) (Name, error)             { panic("signature") }
func ParseCommand(s string) (Command, error)       { panic("signature") }
func ParseVersion(s string) (Version, error)       { panic("signature") }
func ParseConstraint(s string) (Constraint, error) { panic("signature") }
func ParsePlatform(s string) (Platform, error)     { panic("signature") }

// Any is the constraint "*".
func Any() Constraint { panic("signature") }

// Exact is the constraint that v alone matches.
func Exact(v Version) Constraint { panic("signature") }

// Compare orders versions: semver among themselves, then everything that is
// not semver before all that is.
func (v Version) Compare(o Version) int { panic("signature") }

// IsSemver says whether v can be chosen as newer than another version.
func (v Version) IsSemver() bool { panic("signature") }

// Match says whether v satisfies c.
func (c Constraint) Match(v Version) bool { panic("signature") }

func (c Constraint) String() string { panic("signature") }

// Host is the platform of this machine, its own variant included.
func Host() Platform { panic("signature") }

// Candidates lists what a machine of platform p can run, best first: its own
// variant, the plain platform, and darwin-amd64 on darwin-arm64.
func (p Platform) Candidates() []Platform { panic("signature") }
