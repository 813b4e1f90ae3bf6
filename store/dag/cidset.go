package dag

import (
	"hash/maphash"
	"slices"

	"github.com/ipfs/go-cid"
)

// cidSet is a set of CIDs in little more than 16 bytes each. The hash is of 128
// bits, by two seeds that whoever chose the CIDs can't foresee, so two are not
// taken for one. It grows a bucket at a time: Go's maps hold twice as much.
type cidSet struct {
	seeds   [2]maphash.Seed
	buckets [][][2]uint64 // by the first bits of the hash; nil while it is empty
}

const cidBuckets = 1 << 12

func newCIDSet() cidSet {
	return cidSet{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

func (s *cidSet) key(c cid.Cid) [2]uint64 {
	k := c.KeyString()
	return [2]uint64{maphash.String(s.seeds[0], k), maphash.String(s.seeds[1], k)}
}

func (s *cidSet) has(c cid.Cid) bool {
	if s.buckets == nil {
		return false
	}
	k := s.key(c)
	return slices.Contains(s.buckets[k[0]%cidBuckets], k)
}

// add says whether c is new.
func (s *cidSet) add(c cid.Cid) bool {
	if s.buckets == nil {
		s.buckets = make([][][2]uint64, cidBuckets)
	}
	k := s.key(c)
	b := &s.buckets[k[0]%cidBuckets]
	if slices.Contains(*b, k) {
		return false
	}
	*b = append(*b, k)
	return true
}
