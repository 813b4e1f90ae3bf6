package dag

import (
	"hash/maphash"

	"github.com/ipfs/go-cid"
)

// cidSet is a set of CIDs in 16 bytes each. The hash is of 128 bits, by two
// seeds that whoever chose the CIDs can't foresee, so two are not taken for one.
type cidSet struct {
	seeds [2]maphash.Seed
	m     map[[2]uint64]struct{}
}

func newCIDSet() cidSet {
	return cidSet{[2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, map[[2]uint64]struct{}{}}
}

func (s cidSet) key(c cid.Cid) [2]uint64 {
	k := c.KeyString()
	return [2]uint64{maphash.String(s.seeds[0], k), maphash.String(s.seeds[1], k)}
}

func (s cidSet) has(c cid.Cid) bool {
	_, ok := s.m[s.key(c)]
	return ok
}

// add says whether c is new.
func (s cidSet) add(c cid.Cid) bool {
	k := s.key(c)
	if _, ok := s.m[k]; ok {
		return false
	}
	s.m[k] = struct{}{}
	return true
}
