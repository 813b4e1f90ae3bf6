package cmd

import (
	"testing"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// TestNotes: a note counts for the package that it was made on, as long as that is
// what it was. Of two packages with one tree only the first has one, and one that is
// not there, or of another machine, is in nobody's way.
func TestNotes(t *testing.T) {
	pkg := func(name, contents string) lock.Package {
		sum, err := multihash.Sum([]byte(contents), multihash.SHA2_256, -1)
		if err != nil {
			t.Fatal(err)
		}
		return lock.Package{Name: ref.Name(name), CID: cid.NewCidV1(cid.DagProtobuf, sum)}
	}
	a, twin, bare, c, far := pkg("a", "A"), pkg("b", "A"), pkg("bare", "B"), pkg("c", "C"), pkg("far", "F")
	var trees []generation.Exposed
	for _, p := range []lock.Package{a, c, far} {
		trees = append(trees, generation.Exposed{Key: store.Key{Root: p.CID, Part: store.AnyPart}})
	}
	trees[2].Key.Part = "other-machine"
	old := &lock.Lockfile{Packages: []lock.Package{a, twin, bare, c, far}}
	notes := notesOf(old, trees)
	ch := change{session: &session{st: &store.Store{}}, old: profile.State{Lock: old}, notes: func() []note { return notes }}
	next := &lock.Lockfile{Packages: []lock.Package{pkg("0", "new"), a, twin, pkg("c", "another"), pkg("d", "C"), far}}
	for i, n := range ch.noted(next) {
		if want := i == 1; n.holds() != want || want && n.Key.Root != a.CID {
			t.Errorf("%s: %+v", next.Packages[i].Name, n)
		}
	}
	if n := ch.noted(old); !n[3].holds() || n[3].Key.Root != c.CID {
		t.Errorf("c: %+v", n[3])
	}
}
