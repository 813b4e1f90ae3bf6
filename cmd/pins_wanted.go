package cmd

import (
	"fmt"
	"path/filepath"
	"slices"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store/dag"
	"ipp/store/ipfs/pin"

	multierror "github.com/hashicorp/go-multierror"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// wantedGeneration is a generation whose pin is wanted.
type wantedGeneration struct {
	prof   *profile.Profile
	number generation.Number
}

func (w wantedGeneration) pin() string { return pinName(w.prof.Name(), int(w.number)) }

// lookAtGenerations finds out what should be pinned: a CID once, whatever number of
// generations have it, the older ones first. Of those with one CID the newest
// names the pin. Generations whose files are as they were are not read again.
func (k *pinKeeper) lookAtGenerations() error {
	names, err := profile.List(k.state)
	if err != nil {
		return err
	}
	var found []wantedGeneration
	var known []pin.Known
	var gaps *multierror.Error // what can't be read may be what a pin is for
	for _, name := range names {
		prof := k.a.profileAt(name, k.state)
		add := func(n generation.Number, stamp string, c cid.Cid) {
			g := wantedGeneration{prof, n}
			found, known = append(found, g), append(known, pin.Known{Name: g.pin(), Stamp: stamp, CID: c})
		}
		err := prof.Each(func(n generation.Number, files profile.Files) bool {
			c, ok := k.record.Find(pinName(name, int(n)), stampOf(files))
			if ok {
				add(n, stampOf(files), c)
			}
			return ok
		}, func(g *generation.Generation, files profile.Files) error {
			p, err := newProfileDAG(g)
			if err == nil {
				add(g.Number, stampOf(files), p.root)
			}
			return err
		})
		gaps = multierror.Append(gaps, err)
	}
	k.gaps = gaps.ErrorOrNil()
	k.record.Generations = known
	k.gens = map[cid.Cid]wantedGeneration{}
	k.wanted = nil
	for i, c := range known {
		at := slices.IndexFunc(k.wanted, func(w pin.Wanted) bool { return w.CID.Equals(c.CID) })
		if at < 0 {
			k.wanted = append(k.wanted, pin.Wanted{CID: c.CID, Names: []string{c.Name}})
		} else {
			k.wanted[at].Names = slices.Insert(k.wanted[at].Names, 0, c.Name)
		}
		k.gens[c.CID] = found[i]
	}
	return nil
}

// stampOf tells the files of one generation from those of another that has its
// number in a profile that was made anew. Where it differs for no reason, the
// generation is read once more.
func stampOf(files profile.Files) string {
	var b []byte
	for _, f := range files {
		if f != nil {
			b = fmt.Appendf(b, "%d@%d ", f.Size(), f.ModTime().UnixNano())
		}
	}
	return string(b[:max(0, len(b)-1)])
}

// profileDAG is a profile's own blocks, as any IPFS node can have them.
type profileDAG struct {
	root   cid.Cid
	nodes  *dag.Builder
	leaves map[cid.Cid][]byte
}

func newProfileDAG(g *generation.Generation) (*profileDAG, error) {
	wishes, err := lock.ParseProfile(filepath.Join(g.Dir, lock.ProfileName), g.Wishes)
	if err != nil {
		return nil, err
	}
	p := &profileDAG{nodes: dag.NewBuilder(), leaves: map[cid.Cid][]byte{}}
	link, err := lock.ProfileDAG(p.nodes, wishes, g.Lock)
	if err != nil {
		return nil, err
	}
	p.root = link.CID
	for _, file := range [][]byte{wishes.Encode(), g.Lock.Encode()} {
		for piece := range slices.Chunk(file, dag.LeafSize) {
			sum, err := multihash.Sum(piece, multihash.SHA2_256, -1)
			if err != nil {
				return nil, err
			}
			p.leaves[cid.NewCidV1(cid.Raw, sum)] = piece
		}
	}
	return p, nil
}

// cidOf is the CID of a generation; undefined where there is none.
func (k *pinKeeper) cidOf(profile ref.Name, number int) cid.Cid {
	for _, g := range k.record.Generations {
		if g.Name == pinName(profile, number) {
			return g.CID
		}
	}
	return cid.Undef
}
