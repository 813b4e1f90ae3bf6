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
	"ipp/lock/ref"

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

// Line is a line of PackManifest.
type Line struct {
	CID    cid.Cid
	Format string
	Path   string
}
