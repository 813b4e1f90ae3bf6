package pack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// signedPart holds a part that is walked against the manifest, whose CID the
// author signed. It keeps 16 bytes an entry, not paths: a package may have
// 250,000.
type signedPart struct {
	pkg    *Package
	unread []string // platforms that are not looked into
	found  []digest
}

// digest is the beginning of the SHA-256 of a path and its CID, long enough that
// nobody finds another path or CID for it.
type digest [16]byte

func (d digest) compare(o digest) int { return bytes.Compare(d[:], o[:]) }

// digestOf is the same for a CID of any version.
func digestOf(path string, c cid.Cid) digest {
	b := append(make([]byte, 0, 128), path...)
	b = binary.AppendUvarint(append(b, 0), c.Type()) // no path has a NUL
	sum := sha256.Sum256(append(b, c.Hash()...))
	return digest(sum[:])
}

// see notes what the manifest should list.
func (s *signedPart) see(e *dag.Entry) {
	top, _, _ := strings.Cut(e.Path, "/")
	name := libraryOf(s.pkg.Meta, e.Path)
	if e.Path == "" || !listed(top) || name != "" && e.Path != DepsDir+"/"+string(name) {
		return
	}
	s.found = append(s.found, digestOf(e.Path, e.CID))
}

// end says what is not as it was signed. The line "." says nothing that the
// others don't, and takes what was not read.
func (s *signedPart) end(ctx context.Context) error {
	top, err := dag.List(ctx, s.pkg.src, s.pkg.Root, dag.DefaultLimits())
	if err != nil {
		return err
	}
	for _, e := range top {
		if slices.Contains(s.unread, e.Path) {
			s.found = append(s.found, digestOf(e.Path, e.CID))
		}
	}
	slices.SortFunc(s.found, digest.compare)
	v := &verifier{blocks: s.pkg.src, pkg: s.pkg, unread: s.unread}
	lines, err := v.manifest(ctx)
	if err != nil {
		return err
	}
	extra := len(s.found)
	var wrong []mismatch
	for l, err := range lines {
		if err != nil {
			return err
		}
		if l.Path == "." || v.unreadBelow(l.Path) {
			continue
		}
		if _, ok := slices.BinarySearchFunc(s.found, digestOf(l.Path, l.CID), digest.compare); ok {
			extra--
			continue
		}
		wrong = append(wrong, mismatch{Fault{l.Path, "is missing or changed"}, l.CID})
	}
	switch {
	case len(wrong) > 0:
		return &UnsignedFilesError{s.pkg.Root.String(), s.pkg.Signature.Key, faultsOf(withoutExplained(wrong))}
	case extra > 0:
		return &UnsignedFilesError{s.pkg.Root.String(), s.pkg.Signature.Key, []Fault{{"it", fmt.Sprintf("has more than PackManifest lists: %d", extra)}}}
	}
	return nil
}
