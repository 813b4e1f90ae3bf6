package store

import (
	"path"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// Need is what a piece of work takes of a disk. It is an estimate from above: no
// file system is asked how it would lay things out, and most of them use blocks
// of 4 KiB.
type Need struct {
	Bytes int64
	Files int64 // and directories and symlinks: inodes
}

const (
	needBlock = 4 << 10 // what a file's last bytes, or a directory, takes
	needName  = 16      // of a directory's entry, besides the name
	shortLink = 59      // bytes of a target that ext4 and xfs keep in the inode
)

// Plus adds up.
func (n Need) Plus(m Need) Need { return Need{n.Bytes + m.Bytes, n.Files + m.Files} }

// File adds a file of so many bytes.
func (n *Need) File(size int64) {
	n.Files++
	n.Bytes += (size + needBlock - 1) / needBlock * needBlock
}

// Dir adds a directory.
func (n *Need) Dir() { n.File(needBlock) }

// Name adds an entry of a directory.
func (n *Need) Name(name string) { n.Bytes += int64(needName + len(name)) }

// Symlink adds a symlink.
func (n *Need) Symlink(target string) {
	n.File(0)
	if len(target) > shortLink {
		n.Bytes += needBlock
	}
}

// measuring adds up what bringing a part into the store takes: its objects
// that are new, shards for them, a name for each file in the tree, and what
// stands beside the tree.
type measuring struct {
	need       Need
	hasShard   func(shard string) bool
	shards     map[string]bool
	cars, list int64 // bytes of .car and .objects
}

func newMeasuring(hasShard func(string) bool) *measuring {
	return &measuring{hasShard: hasShard, shards: map[string]bool{}}
}

// block is told of each block that goes into .car.
func (m *measuring) block(_ cid.Cid, data []byte) error {
	const head = 40 // length and CID
	m.cars += head + int64(len(data))
	return nil
}

func (m *measuring) entry(e *dag.Entry) {
	m.need.Name(path.Base(e.Path))
	switch e.Kind {
	case dag.Dir:
		m.need.Dir()
	case dag.Symlink:
		m.need.Symlink(e.Target)
	case dag.File:
		const line = 80 // object and size
		m.list += line + int64(len(e.Path))
	}
}

// object adds a new one; name is empty where it is not known yet.
func (m *measuring) object(name string, size int64) {
	const unknown = "bafkrei…, 59 characters as in base32, whose shard is not known."
	m.need.File(size)
	if name == "" {
		m.need.Name(unknown)
		return
	}
	m.need.Name(name)
	if shard := shardOf(name); !m.shards[shard] {
		m.shards[shard] = true
		if !m.hasShard(shard) {
			m.need.Dir()
		}
	}
}

// total is the need of the whole part.
func (m *measuring) total() Need {
	n := m.need
	n.File(m.cars)
	n.File(m.list)
	return n
}
