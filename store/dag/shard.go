package dag

import (
	"errors"
	"fmt"
)

// hashedLink is an entry of a HAMT to be built.
type hashedLink struct {
	link
	hash uint64
}

func hashed(links []link) []hashedLink {
	out := make([]hashedLink, len(links))
	for i, l := range links {
		out[i] = hashedLink{l, nameHash(l.name)}
	}
	return out
}

const slotBits = 8 // log2(dirFanout)

// shard builds the shard that holds entries, whose hashes agree in the first
// used bits. An entry that has a slot for itself is put there, several get a
// shard of their own: the one form that a set of names has.
func (b *Builder) shard(entries []hashedLink, used int) (link, error) {
	if used >= hashBits {
		return link{}, errors.New("build directory: two names have the same hash")
	}
	var slots [dirFanout][]hashedLink
	for _, e := range entries {
		i := e.hash << used >> (hashBits - slotBits)
		slots[i] = append(slots[i], e)
	}
	var field [dirFanout / 8]byte
	var links []link
	for i, group := range slots {
		if len(group) == 0 {
			continue
		}
		l, err := b.slot(group, used+slotBits)
		if err != nil {
			return link{}, err
		}
		l.name = fmt.Sprintf("%02X%s", i, l.name)
		links = append(links, l)
		field[len(field)-1-i/8] |= 1 << (i % 8)
	}
	return b.add(links, shardData(field[:])), nil
}

func (b *Builder) slot(group []hashedLink, used int) (link, error) {
	if len(group) == 1 {
		return group[0].link, nil
	}
	return b.shard(group, used)
}

// shardData encodes the UnixFS part of a shard; its bit field drops the zeros in
// front.
func shardData(field []byte) []byte {
	for len(field) > 0 && field[0] == 0 {
		field = field[1:]
	}
	data := appendVarint(nil, fsType, typeHAMTShard)
	data = appendBytes(data, fsData, field)
	data = appendVarint(data, fsHash, murmur3x64)
	return appendVarint(data, fsFanout, dirFanout)
}
