// Package pack turns a directory or a binary into a package, and reads what a
// package says of itself: package.toml and PackManifest.
//
// A package is a UnixFS directory:
//
//	package.toml     metadata, see SPEC.md
//	PackManifest     CID, format and path of every file
//	.ipp/signature   the author's signature
//	linux-amd64/…    one directory a platform, or none: the root is the tree
//	any/…            shared by all platforms
//
// Invariants. The same input gives the same CID on every machine: nothing but
// names, contents, run bits and symlink targets enters it, in sorted order.
// Metadata and manifest are parsed once, strictly, into the types below; what
// was not understood is refused. Build reads each file twice: once to name it,
// once when it is copied; what changed in between fails its hash, so a moving
// input never becomes a package.
//
// Concurrency: a Package and a Built are immutable and safe for concurrent use.
package pack

import (
	"context"

	"ipp/lock/ref"
	"ipp/store"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// Names that mean something at the top of a package.
const (
	MetadataName  = "package.toml"
	ManifestName  = "PackManifest"
	SignatureName = ".ipp/signature"
	AnyDir        = "any"
	DepsDir       = "deps"
)

// FormatToken is the manifest's format field for our import profile.
const FormatToken = "f0100120002"

// Metadata is package.toml.
type Metadata struct {
	Name         ref.Name
	Version      ref.Version
	Summary      string
	License      string
	Homepage     string
	Source       string
	Changelog    string
	Platforms    []ref.Platform
	Commands     map[ref.Command]string
	Environment  map[string]string
	Dependencies map[ref.Name]ref.Constraint
	Libraries    map[ref.Name]cid.Cid
	Legacy       map[string][]string
	Services     map[ref.Name][]string
	Callbacks    map[string][]string
}

// ParseMetadata parses package.toml strictly; errors name file, line, column
// and what is allowed.
func ParseMetadata(file string, data []byte) (*Metadata, error) { panic("signature") }

// Encode writes m canonically.
func (m *Metadata) Encode() []byte { panic("signature") }

// Inert names what m asks for and this release reads but does not act on:
// services, callbacks, legacy.
func (m *Metadata) Inert() []string { panic("signature") }

// Template is a commented package.toml for `ipp pack --init`.
func Template(name ref.Name, version ref.Version) []byte { panic("signature") }

// Line is a line of PackManifest.
type Line struct {
	CID    cid.Cid
	Format string
	Path   string
}

// ParseManifest parses PackManifest strictly: sorted, unique, "." last.
func ParseManifest(file string, data []byte) ([]Line, error) { panic("signature") }

// EncodeManifest writes a manifest; it sorts.
func EncodeManifest(lines []Line) []byte { panic("signature") }

// Package is what a package's root says of itself.
type Package struct {
	Root     cid.Cid
	Meta     *Metadata // nil: a directory without package.toml
	Manifest cid.Cid   // Undef: none
	Signed   bool      // carries a signature, which this release does not check
	DagSize  uint64
	Top      []string // names at the top, sorted
}

// Open reads the root, the metadata and the manifest's CID of a package.
func Open(ctx context.Context, b dag.Blocks, root cid.Cid) (*Package, error) { panic("signature") }

// NoPlatformError says that a package has nothing for this machine.
type NoPlatformError struct {
	Name ref.Name
	Host ref.Platform
	Has  []ref.Platform
}

func (e *NoPlatformError) Error() string { panic("signature") }

// Choose picks the best of the package's platforms for host; "" for a package
// that is not split.
func (p *Package) Choose(host ref.Platform) (ref.Platform, error) { panic("signature") }

// Want is the part of the package for one of its platforms ("" where it is not
// split).
func (p *Package) Want(platform ref.Platform, lim dag.Limits) store.Want { panic("signature") }

// Tree is a part of a package that is present in a store.
type Tree struct {
	Key      store.Key
	Dir      string       // of the tree
	Platform ref.Platform // "" where the package is not split
	Meta     *Metadata    // nil: none
}

// OpenTree reads package.toml of a tree that is present.
func OpenTree(s *store.Store, k store.Key) (*Tree, error) { panic("signature") }

// Bases are the tree-relative directories whose bin, share … make up the
// forest, the more specific first: the platform's directory, then any; or "."
// for a package that is not split.
func (t *Tree) Bases() []string { panic("signature") }

// Commands maps each command to its tree-relative path: those of [commands],
// or every executable in bin.
func (t *Tree) Commands() (map[ref.Command]string, error) { panic("signature") }

// Input is what to pack.
type Input struct {
	Path      string                                                   // a directory, or one executable; may be "" with Platforms
	Platforms map[ref.Platform]string                                  // a binary or a directory each
	Name      ref.Name                                                 // where there is no package.toml
	Version   ref.Version                                              // where there is no package.toml
	Exclude   []string                                                 // top-level names or slash-separated paths to leave out
	Lookup    func(ctx context.Context, c cid.Cid) (dag.Blocks, error) // finds libraries; may be nil
	Report    func(bytes int64)                                        // told of bytes hashed, from several goroutines; may be nil
}

// DotNamesError says that the input has top-level dot names.
type DotNamesError struct {
	Dir   string
	Names []string
}

func (e *DotNamesError) Error() string { panic("signature") }

// Warning is something that will hurt users elsewhere: an absolute path of the
// build machine in a script, a shebang or an RPATH.
type Warning struct{ Path, What string }

// Built is a package that was hashed and not written anywhere yet. It is the
// source of its own blocks, reading files anew from the input.
type Built struct {
	*Package
	Files    int
	Bytes    int64
	Warnings []Warning
	_        int
}

// Build hashes the input into a package.
func Build(ctx context.Context, in Input) (*Built, error) { panic("signature") }

// InputBytes is how many bytes Build will hash, for progress.
func InputBytes(in Input) (int64, error) { panic("signature") }

// Block implements dag.Blocks.
func (b *Built) Block(ctx context.Context, c cid.Cid) ([]byte, error) { panic("signature") }

// Fault is a path that does not match the manifest, or the DAG.
type Fault struct{ Path, Why string }

// Verify reads the whole part of a package that b has (all platforms, or only
// those given), recomputes every CID, and compares it with PackManifest:
// missing, changed and extra files all fail.
func Verify(ctx context.Context, b dag.Blocks, p *Package, platforms []ref.Platform, report func(int64)) ([]Fault, error) {
	panic("signature")
}

// VerifyDir compares a directory on disk, package.toml and PackManifest in it,
// with its PackManifest.
func VerifyDir(ctx context.Context, dir string, report func(int64)) (*Package, []Fault, error) {
	panic("signature")
}
