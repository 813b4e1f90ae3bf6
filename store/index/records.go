package index

import (
	"encoding/binary"
	"errors"
	"strings"

	"ipp/store"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// Records. A tree has a number, never used again, that stands in the keys of
// all that is known from it; so to forget a tree is to forget its number. HASH
// is a multihash: one block may be asked for by several CIDs.
//
//	n                            the next number
//	r                            records of trees that have gone
//	t TREE                       name, stamp, which facts, how many records
//	f TREE FILE                  path of a file or entry, FILE from 1
//	b HASH TREE FILE OFFSET      where a block lies; FILE 0 is the .car
//	p HASH TREE NODE             a node of the tree refers to it
//	c TREE NODE                  the node's CID, NODE from 1
//	w WORD 0 TREE                a word finds the tree
//	d TREE                       what Describe told
//
// Numbers in keys are big-endian, TREE, FILE and NODE 4 bytes, OFFSET 8; in values
// they are uvarints.
const (
	keyNext   = 'n'
	keyDead   = 'r'
	keyTree   = 't'
	keyFile   = 'f'
	keyBlock  = 'b'
	keyParent = 'p'
	keyNode   = 'c'
	keyWord   = 'w'
	keyData   = 'd'
)

const numberSize, offsetSize = 4, 8

func keyOf(kind byte, numbers ...uint32) []byte {
	k := []byte{kind}
	for _, n := range numbers {
		k = binary.BigEndian.AppendUint32(k, n)
	}
	return k
}

func hashKey(kind byte, c cid.Cid) []byte { return append([]byte{kind}, c.Hash()...) }

func wordKey(word string) []byte { return append([]byte{keyWord}, word...) }

var errRecord = errors.New("a record of the index is malformed")

// fields reads the uvarints at the head of a value, and what follows them.
func fields(v []byte, out ...*uint64) (rest []byte, err error) {
	for _, o := range out {
		n := 0
		if *o, n = binary.Uvarint(v); n <= 0 {
			return nil, errRecord
		}
		v = v[n:]
	}
	return v, nil
}

func appendFields(v []byte, nums ...uint64) []byte {
	for _, n := range nums {
		v = binary.AppendUvarint(v, n)
	}
	return v
}

// treeRecord is what stands under t.
type treeRecord struct {
	key     store.Key
	stamp   store.Stamp
	facts   uint64 // Options.Version; 0: nobody asked
	records uint64
}

func (t treeRecord) encode() []byte {
	v := appendFields(nil, uint64(t.stamp.Size), uint64(t.stamp.Time), t.facts, t.records)
	return append(v, t.key.String()...)
}

func decodeTree(v []byte) (t treeRecord, err error) {
	var size, time uint64
	name, err := fields(v, &size, &time, &t.facts, &t.records)
	if err != nil {
		return t, err
	}
	t.stamp = store.Stamp{Size: int64(size), Time: int64(time)}
	t.key, err = store.ParseKey(string(name))
	return t, err
}

// The ways in which a block lies somewhere.
const (
	inCAR  = iota // whole
	asRaw         // a file's contents are the block
	framed        // contents, framed as dag-pb
	inline        // nowhere: its CID carries it
)

// spot is where a block lies, as stands under b.
type spot struct {
	tree, file uint32
	offset     uint64
	how        uint64
	block      uint64 // size of the block
	size       uint64 // of what lies there
	entry      uint64 // FILE of the path whose root block it is; 0: of none
}

func (s spot) key(c cid.Cid) []byte {
	k := binary.BigEndian.AppendUint32(hashKey(keyBlock, c), s.tree)
	k = binary.BigEndian.AppendUint32(k, s.file)
	return binary.BigEndian.AppendUint64(k, s.offset)
}

func (s spot) value() []byte { return appendFields(nil, s.how, s.block, s.size, s.entry) }

// decodeSpot reads a record under b; key is what follows the hash.
func decodeSpot(key, value []byte) (s spot, err error) {
	if len(key) != 2*numberSize+offsetSize {
		return s, errRecord
	}
	s.tree = binary.BigEndian.Uint32(key)
	s.file = binary.BigEndian.Uint32(key[numberSize:])
	s.offset = binary.BigEndian.Uint64(key[2*numberSize:])
	_, err = fields(value, &s.how, &s.block, &s.size, &s.entry)
	return s, err
}

// cid is the CID by which the block can be rebuilt where it lies.
func (s spot) cid(h mh.Multihash) cid.Cid {
	if s.how == asRaw {
		return cid.NewCidV1(cid.Raw, h)
	}
	return cid.NewCidV1(cid.DagProtobuf, h)
}

// recorder turns what a tree tells into records.
type recorder struct {
	tree    uint32
	put     func(key, value []byte) error
	records uint64
	path    string // the last one that got a number
	file    uint32
	node    uint32
}

func (r *recorder) record(key, value []byte) error {
	r.records++
	return r.put(key, value)
}

// number is the FILE of a path. A file's blocks come one after the other, so
// hardly any path gets two.
func (r *recorder) number(path string) (uint32, error) {
	switch path {
	case "":
		return 0, nil
	case r.path:
		return r.file, nil
	}
	r.file++
	r.path = path
	return r.file, r.record(keyOf(keyFile, r.tree, r.file), []byte(path))
}

func (r *recorder) block(b store.PlacedBlock) error {
	file, err := r.number(b.Place.Path)
	if err != nil {
		return err
	}
	entry, err := r.number(b.Entry)
	if err != nil {
		return err
	}
	s := spot{tree: r.tree, file: file, offset: uint64(b.Place.Offset), block: uint64(b.Size), size: uint64(b.Place.Size), entry: uint64(entry)}
	switch {
	case b.Place == store.Place{}:
		s.how = inline
	case b.Place.Path == "":
		s.how = inCAR
	case b.CID.Type() == cid.Raw:
		s.how = asRaw
	default:
		s.how = framed
	}
	if err := r.record(s.key(b.CID), s.value()); err != nil {
		return err
	}
	return r.links(b)
}

func (r *recorder) links(b store.PlacedBlock) error {
	if len(b.Links) == 0 {
		return nil
	}
	r.node++
	if err := r.record(keyOf(keyNode, r.tree, r.node), b.CID.Bytes()); err != nil {
		return err
	}
	var last cid.Cid
	for _, to := range b.Links {
		if to == last { // a run of equal leaves
			continue
		}
		last = to
		k := binary.BigEndian.AppendUint32(hashKey(keyParent, to), r.tree)
		if err := r.record(binary.BigEndian.AppendUint32(k, r.node), nil); err != nil {
			return err
		}
	}
	return nil
}

func (r *recorder) facts(f Facts) error {
	for _, w := range f.Words {
		if w == "" || len(w) > MaxWord || strings.Contains(w, "\x00") {
			continue
		}
		if err := r.record(binary.BigEndian.AppendUint32(append(wordKey(w), 0), r.tree), nil); err != nil {
			return err
		}
	}
	return r.record(keyOf(keyData, r.tree), f.Data)
}
