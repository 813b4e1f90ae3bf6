package store

import (
	"fmt"
	"strings"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// AnyPart is the part of a package that is not split by platform.
const AnyPart = "any"

// Key names a tree: one part of the package with that root. Its string is
// ROOT.PART, with the root as CIDv1 in base32.
type Key struct {
	Root cid.Cid
	Part string
}

func (k Key) String() string { return string(k.AppendText(make([]byte, 0, 128))) }

// V1 is the key with its root as CIDv1: all keys of a tree are equal then.
func (k Key) V1() Key { return Key{dag.V1(k.Root), k.Part} }

// AppendText appends what String gives.
func (k Key) AppendText(b []byte) []byte {
	return append(append(dag.AppendCID(b, k.Root), '.'), k.Part...)
}

// SameRoot says whether a and b name one package: version 0 and 1 of a CID do.
func SameRoot(a, b cid.Cid) bool { return a.Defined() && b.Defined() && dag.V1(a) == dag.V1(b) }

// ParseKey parses ROOT.PART.
func ParseKey(s string) (Key, error) {
	root, part, ok := strings.Cut(s, ".")
	if !ok || !validPart(part) {
		return Key{}, fmt.Errorf("parse tree name %q: want ROOT.PART", s)
	}
	c, ok := dag.ParseCIDText(root)
	if !ok {
		return Key{}, fmt.Errorf("parse tree name %q: the root is not a CIDv1 in base32", s)
	}
	return Key{Root: c, Part: part}, nil
}

// validPart keeps parts apart from the names that stand beside a tree.
func validPart(p string) bool {
	if p == "" || len(p) > 40 || p == "car" || p == "objects" || p == "mutex" {
		return false
	}
	return strings.IndexFunc(p, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}) < 0
}
