package dag

import (
	"math/bits"
	"strconv"

	"github.com/ipfs/go-cid"
	"github.com/spaolacci/murmur3"
)

// A HAMT directory spreads its entries over shards by the bits of a hash of
// their names. Each link of a shard is named with its slot in hexadecimal,
// followed by the entry's name; a bare slot leads to a shard one level down. All
// of that is checked, so an entry that is listed is also the one that a lookup
// finds, and a shard can't be repeated to make more of a directory than its
// blocks hold.

const (
	murmur3x64 = 0x22 // multihash's code for the one hash in use
	hashBits   = 64
	minFanout  = 8
	maxFanout  = 1024 // as in boxo
)

// hamt is what all shards of one directory have in common.
type hamt struct {
	fanout uint64
	bits   int // of the hash, a level
	width  int // of a slot in hexadecimal
}

// slot is one link of a shard, taken apart.
type slot struct {
	index uint64
	name  string // "": a shard
	link
}

func nameHash(name string) uint64 { return murmur3.Sum64([]byte(name)) }

func hamtOf(path string, n *node) (hamt, error) {
	h := hamt{fanout: n.fanout, bits: bits.Len64(n.fanout) - 1}
	switch {
	case n.kind != typeHAMTShard:
		return h, malformed(path, n.cid, "it is not a shard of a directory")
	case n.hashType != murmur3x64:
		return h, malformed(path, n.cid, "directory hash %#x is unknown", n.hashType)
	case h.fanout < minFanout || h.fanout > maxFanout || bits.OnesCount64(h.fanout) != 1:
		return h, malformed(path, n.cid, "directory fanout %d is not supported", h.fanout)
	}
	h.width = len(strconv.FormatUint(h.fanout-1, 16))
	return h, nil
}

// slots takes the links of a shard apart.
func (h hamt) slots(path string, n *node) ([]slot, error) {
	if uint64(len(n.data))*8 > h.fanout {
		return nil, malformed(path, n.cid, "bit field is wider than the fanout")
	}
	ones := 0
	for _, b := range n.data {
		ones += bits.OnesCount8(b)
	}
	if ones != len(n.links) {
		return nil, malformed(path, n.cid, "bit field names %d slots, %d are there", ones, len(n.links))
	}
	slots := make([]slot, len(n.links))
	for i, l := range n.links {
		index, ok := h.index(l.name)
		if !ok || !bit(n.data, index) || i > 0 && index <= slots[i-1].index {
			return nil, malformed(path, n.cid, "slot of link %q is wrong", cut(l.name))
		}
		slots[i] = slot{index: index, name: l.name[h.width:], link: l}
	}
	return slots, nil
}

// index parses the slot in front of a link's name: upper case, fixed width.
func (h hamt) index(name string) (uint64, bool) {
	if len(name) < h.width {
		return 0, false
	}
	var v uint64
	for _, c := range []byte(name[:h.width]) {
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | uint64(c-'0')
		case c >= 'A' && c <= 'F':
			v = v<<4 | uint64(c-'A'+10)
		default:
			return 0, false
		}
	}
	return v, v < h.fanout
}

// bit reads bit i of a big-endian bit field without its leading zeros.
func bit(field []byte, i uint64) bool {
	at := len(field) - 1 - int(i/8)
	return at >= 0 && field[at]>>(i%8)&1 == 1
}

// level is where in the trie a shard stands.
type level struct {
	hamt
	prefix uint64 // of the hashes of all names below
	used   int    // bits of the hash in prefix
}

// down is the level below slot i.
func (v level) down(i uint64) level {
	v.prefix, v.used = v.prefix<<v.bits|i, v.used+v.bits
	return v
}

// holds says whether a name may stand below this level.
func (v level) holds(name string) bool {
	return v.used <= hashBits && nameHash(name)>>(hashBits-v.used) == v.prefix
}

// hamt is each for the directory whose root shard is n.
func (r *reader) hamt(path string, n *node, again bool, v dirVisitor) error {
	h, err := hamtOf(path, n)
	if err != nil {
		return err
	}
	w := hamtWalk{reader: r, path: path, again: again, dirVisitor: v}
	return w.walk(n, level{hamt: h})
}

type hamtWalk struct {
	*reader
	dirVisitor
	path    string
	again   bool
	entries int
}

func (w *hamtWalk) walk(n *node, at level) error {
	slots, err := at.slots(w.path, n)
	if err != nil {
		return err
	}
	shard := n.cid // and not n: no block stays while what is below it is read
	for _, s := range slots {
		below := at.down(s.index)
		if s.name != "" {
			err = w.leaf(shard, s, below)
		} else {
			err = w.child(s, below)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *hamtWalk) leaf(shard cid.Cid, s slot, at level) error {
	if !at.holds(s.name) {
		return malformed(w.path, shard, "entry %q stands in the wrong shard", cut(s.name))
	}
	if w.entries++; w.entries > w.lim.Entries {
		return w.tooMany(w.path)
	}
	return w.entry(link{cid: s.cid, name: s.name, tsize: s.tsize})
}

func (w *hamtWalk) child(s slot, at level) error {
	n, err := w.subshard(w.path, s, at, w.again)
	if err != nil {
		return err
	}
	if w.shard != nil {
		if err := w.shard(n); err != nil {
			return err
		}
	}
	return w.walk(n, at)
}

// subshard reads the shard in slot s, which must be like those above it.
func (r *reader) subshard(path string, s slot, at level, again bool) (*node, error) {
	if at.used+at.bits > hashBits {
		return nil, malformed(path, s.cid, "directory is nested deeper than its hash")
	}
	if s.cid.Type() != cid.DagProtobuf {
		return nil, malformed(path, s.cid, "it is not a shard of a directory")
	}
	n, err := r.read(path, s.cid, func() ([]byte, error) { return Get(r.ctx, r.blocks, s.cid) })
	if err == nil && !again {
		err = r.spendLinks(path, len(n.links))
	}
	if err != nil {
		return nil, err
	}
	h, err := hamtOf(path, n)
	if err != nil {
		return nil, err
	}
	if h != at.hamt {
		return nil, malformed(path, s.cid, "shards of one directory differ in fanout")
	}
	if len(n.links) == 0 {
		return nil, malformed(path, s.cid, "shard is empty")
	}
	return n, nil
}

// hamtFind looks a name up along its hash.
func (r *reader) hamtFind(path string, n *node, name string) (link, bool, error) {
	h, err := hamtOf(path, n)
	if err != nil {
		return link{}, false, err
	}
	hash := nameHash(name)
	for at := (level{hamt: h}); ; {
		slots, err := h.slots(path, n)
		if err != nil {
			return link{}, false, err
		}
		at = at.down(hash << at.used >> (hashBits - h.bits))
		s, ok := slotAt(slots, at.prefix&(h.fanout-1))
		if !ok || s.name != "" {
			s.link.name = s.name
			return s.link, ok && s.name == name, nil
		}
		if n, err = r.subshard(path, s, at, false); err != nil {
			return link{}, false, err
		}
	}
}

func slotAt(slots []slot, index uint64) (slot, bool) {
	for _, s := range slots {
		if s.index == index {
			return s, true
		}
	}
	return slot{}, false
}
