package dag

import (
	"iter"

	"github.com/ipfs/go-cid"
)

// blocksInMemory keeps blocks one after the other, each after its CID: a large
// directory is tens of thousands of small ones.
type blocksInMemory struct {
	chunks [][]byte
	places map[[2]uint64]blockAt
	hash   cidSet // for its seeds
}

// blockAt is where a block stands.
type blockAt struct {
	chunk, offset uint32 // of the CID
	head, size    uint32 // of the CID, of the block
}

// Chunks grow from the least to the most.
const leastChunk, mostChunk = 1 << 10, 256 << 10

func newBlocksInMemory() blocksInMemory {
	return blocksInMemory{places: map[[2]uint64]blockAt{}, hash: newCIDSet()}
}

// put copies the block, unless it is there.
func (m *blocksInMemory) put(c cid.Cid, block []byte) {
	k := m.hash.key(c)
	if _, ok := m.places[k]; ok {
		return
	}
	id := c.KeyString()
	last := len(m.chunks) - 1
	if last < 0 || cap(m.chunks[last])-len(m.chunks[last]) < len(id)+len(block) {
		size := min(leastChunk<<min(len(m.chunks), 10), mostChunk)
		m.chunks = append(m.chunks, make([]byte, 0, max(size, len(id)+len(block))))
		last++
	}
	at := blockAt{uint32(last), uint32(len(m.chunks[last])), uint32(len(id)), uint32(len(block))}
	m.chunks[last] = append(append(m.chunks[last], id...), block...)
	m.places[k] = at
}

func (m *blocksInMemory) get(c cid.Cid) ([]byte, bool) {
	at, ok := m.places[m.hash.key(c)]
	if !ok {
		return nil, false
	}
	return m.block(at), true
}

func (m *blocksInMemory) block(at blockAt) []byte {
	start, end := at.offset+at.head, at.offset+at.head+at.size
	return m.chunks[at.chunk][start:end:end]
}

// all are the blocks in any order.
func (m *blocksInMemory) all() iter.Seq2[cid.Cid, []byte] {
	return func(yield func(cid.Cid, []byte) bool) {
		for _, at := range m.places {
			c, err := cid.Cast(m.chunks[at.chunk][at.offset : at.offset+at.head])
			if err != nil || !yield(c, m.block(at)) { // they were CIDs
				return
			}
		}
	}
}
