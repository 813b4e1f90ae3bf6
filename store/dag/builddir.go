package dag

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
)

// Dir builds the node of a directory, a HAMT where the profile says so. Names
// that Walk would refuse are refused.
func (b *Builder) Dir(entries map[string]Link) (Link, error) {
	names := slices.Sorted(maps.Keys(entries))
	return b.DirOf(len(names), func(i int) (string, Link) { return names[i], entries[names[i]] })
}

// DirOf is Dir for n entries, in any order, of which child tells name and node;
// it is asked more than once, and must not change its mind. Of a HAMT no more
// is in memory than a hash of each name, and one path of shards.
func (b *Builder) DirOf(n int, child func(i int) (string, Link)) (Link, error) {
	d := dirBuilder{Builder: b, n: n, child: child}
	l, err := d.build()
	if err != nil {
		return Link{}, fmt.Errorf("build directory: %w", err)
	}
	return l, nil
}

// dirBuilder builds one directory. boxo builds the same, but holds all of a HAMT
// while it does.
type dirBuilder struct {
	*Builder
	n     int
	child func(i int) (string, Link)
}

func (d *dirBuilder) build() (Link, error) {
	size, err := d.check()
	if err != nil {
		return Link{}, err
	}
	if size > largestDir {
		return d.hamt(hamtFanout)
	}
	return d.basic()
}

// check returns the size of the block that holds all entries.
func (d *dirBuilder) check() (size int, err error) {
	var total uint64
	twins := newTwins()
	size = len(appendData(nil, dirData))
	for i := range d.n {
		name, e := d.child(i)
		if err := CheckName(name); err != nil {
			return 0, err
		}
		if err := checkCID(e.CID); err != nil {
			return 0, fmt.Errorf("entry %q: %w", name, err)
		}
		// A sum that wraps around would be a small directory.
		if e.Tsize > math.MaxInt64-total {
			return 0, errors.New("the sizes of its entries overflow")
		}
		total += e.Tsize
		size += linkSize(len(name), e)
		twins.add(name)
	}
	a, b := twins.find(func(yield func(string) bool) {
		for i := range d.n {
			if name, _ := d.child(i); !yield(name) {
				return
			}
		}
	})
	if b != "" {
		return 0, collision("", max(a, b), min(a, b))
	}
	return size, nil
}

func (d *dirBuilder) basic() (Link, error) {
	names := make([]string, d.n)
	order := make([]int, d.n)
	for i := range d.n {
		names[i], _ = d.child(i)
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(names[a], names[b]) })
	var block []byte
	var total uint64
	for _, i := range order {
		_, e := d.child(i)
		block = appendLink(block, "", names[i], e)
		total += e.Tsize
	}
	return d.put(appendData(block, dirData), total), nil
}

// hashed is an entry by the hash of its name.
type hashed struct {
	hash uint64
	i    int
}

func (d *dirBuilder) hamt(fanout uint64) (Link, error) {
	entries := make([]hashed, d.n)
	for i := range entries {
		name, _ := d.child(i)
		entries[i] = hashed{nameHash(name), i}
	}
	slices.SortFunc(entries, func(a, b hashed) int { return cmp.Compare(a.hash, b.hash) })
	return d.shard(entries, hamt{fanout: fanout, bits: bits.Len64(fanout) - 1}, 0)
}

// shard builds the shard of entries, sorted by hash, which agree in the first
// used bits: a slot with one entry links to it, one with more to a shard.
func (d *dirBuilder) shard(entries []hashed, h hamt, used int) (Link, error) {
	if used+h.bits > hashBits {
		a, _ := d.child(entries[0].i)
		b, _ := d.child(entries[1].i)
		return Link{}, fmt.Errorf("the names %q and %q have the same hash", a, b)
	}
	var block []byte
	var total uint64
	field := make([]byte, h.fanout/8) // big-endian
	for len(entries) > 0 {
		slot := entries[0].hash << used >> (hashBits - h.bits)
		n := 1
		for n < len(entries) && entries[n].hash<<used>>(hashBits-h.bits) == slot {
			n++
		}
		name, l := d.child(entries[0].i)
		if n > 1 {
			var err error
			name = ""
			if l, err = d.shard(entries[:n], h, used+h.bits); err != nil {
				return Link{}, err
			}
		}
		field[len(field)-1-int(slot/8)] |= 1 << (slot % 8)
		block = appendLink(block, fmt.Sprintf("%02X", slot), name, l)
		total += l.Tsize
		entries = entries[n:]
	}
	return d.put(appendData(block, shardData(field, h.fanout)), total), nil
}
