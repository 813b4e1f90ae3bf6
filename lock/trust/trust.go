// Package trust says who made a package: keys, signatures, and which key may
// follow which.
//
// A signature is an Ed25519 signed note (golang.org/x/mod/sumdb/note) over a
// Statement: name, version, the CID of PackManifest, and how large each part of
// the package is. It carries the key that made it and, where that key took over
// from others, their word for it, so it is checked with nothing but the package.
// Whether the key is one to be trusted is another question: Follows answers it
// for a key that is known already, a person for any other.
//
// Invariants. Every text here has one spelling: what Open or ParsePrivate
// accepts is, byte for byte, what would be written again, so nothing in it is
// overlooked and nothing can be added. What is not understood is refused, and
// what is newer says so (ErrNewer). A Signature, once made, has been verified.
//
// On disk: store/pack/SPEC.md, "Signature", and the key file in private.go.
//
// Concurrency: all values are immutable, and nothing here does I/O.
package trust

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"ipp/lock/ref"

	"github.com/ipfs/go-cid"
)

// MaxSignature bounds the file that holds a signature, in bytes.
const MaxSignature = 64 << 10

// AnyPart is what all platforms share, or the whole of a package without
// platforms.
const AnyPart = ref.Platform("any")

// ErrNewer says that a text is of a version that this ipp does not know.
var ErrNewer = errors.New("it needs a newer ipp")

// FormatError says which line of a text is wrong. Line 0 is the text as a whole.
type FormatError struct {
	What string // is read: "signature", "key"
	Line int
	Why  string
}

func (e *FormatError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("read %s: %s", e.What, e.Why)
	}
	return fmt.Sprintf("read %s: line %d: %s", e.What, e.Line, e.Why)
}

// Size bounds one part of a package: bytes of all files, entries of all kinds
// (files, symlinks, directories), names in the longest path.
type Size struct {
	Bytes int64
	Files int
	Depth int
}

// Plus is the size of two parts together.
func (s Size) Plus(o Size) Size {
	return Size{s.Bytes + o.Bytes, s.Files + o.Files, max(s.Depth, o.Depth)}
}

func (s Size) String() string {
	return fmt.Sprintf("bytes=%d files=%d depth=%d", s.Bytes, s.Files, s.Depth)
}

// Statement is what a signature says of a package. What stands outside the
// manifest, the signature itself, is not counted.
type Statement struct {
	Name     ref.Name
	Version  ref.Version
	Manifest cid.Cid
	Parts    map[ref.Platform]Size // each platform's directory, and AnyPart
}

// Total is the size of all parts.
func (s *Statement) Total() (total Size) {
	for _, size := range s.Parts {
		total = total.Plus(size)
	}
	return total
}

// order lists the parts as they are written: sorted, what is shared last.
func (s *Statement) order() []ref.Platform {
	parts := slices.Sorted(maps.Keys(s.Parts))
	return append(slices.DeleteFunc(parts, func(p ref.Platform) bool { return p == AnyPart }), AnyPart)
}

// Signature is a Statement with who made it.
type Signature struct {
	Statement
	Key       Key
	Handovers []Handover // of the keys before Key, the latest first
}

// Follows says whether the signature's key is the given one, or took over from
// it by its own word.
func (s *Signature) Follows(key string) bool {
	return s.Key.String() == key || slices.Contains(s.Before(), key)
}

// Before lists the keys that the signature's own took over from.
func (s *Signature) Before() []string {
	keys := make([]string, len(s.Handovers))
	for i, h := range s.Handovers {
		keys[i] = h.From.String()
	}
	return keys
}
