package dag_test

import (
	"context"
	"fmt"
	"io/fs"
	"testing"

	"ipp/store/dag"

	mdag "github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
)

// keep is what a store keeps of a DAG: the blocks that Walk hands on, and the
// contents of files. It is dag.Blocks and dag.Framer out of these alone.
type keep struct {
	blocks map[cid.Cid][]byte
	raw    map[cid.Cid][]byte
	files  map[string][]byte
}

func newKeep() *keep {
	return &keep{
		blocks: make(map[cid.Cid][]byte), raw: make(map[cid.Cid][]byte), files: make(map[string][]byte),
	}
}

func (k *keep) block(c cid.Cid, data []byte) error {
	if _, ok := k.blocks[c]; ok {
		return fmt.Errorf("block %s was handed on before", c)
	}
	k.blocks[c] = data
	return nil
}

func (k *keep) file(e *dag.Entry, contents []byte) {
	k.files[e.Path] = contents
	for _, l := range e.Leaves {
		if l.CID.Type() == cid.Raw {
			k.raw[l.CID] = contents[l.Offset : l.Offset+l.Size]
		}
	}
}

func (k *keep) Block(_ context.Context, c cid.Cid) ([]byte, error) {
	if b, ok := k.blocks[c]; ok {
		return b, nil
	}
	if b, ok := k.raw[c]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("block %s: %w", c, fs.ErrNotExist)
}

func (k *keep) FramedLeaf(_ context.Context, path string, c cid.Cid, offset, size int64) ([]byte, error) {
	contents, ok := k.files[path]
	if !ok {
		return nil, fmt.Errorf("file %q: %w", path, fs.ErrNotExist)
	}
	if size < 0 {
		size = int64(len(contents))
	}
	block, ok := dag.Reframe(c, contents[offset:offset+size])
	if !ok {
		return nil, fmt.Errorf("block %s: %w", c, fs.ErrNotExist)
	}
	return block, nil
}

func protoNode(t *testing.T, ds *memory, data []byte, b cid.Builder) *mdag.ProtoNode {
	t.Helper()
	nd := mdag.NodeWithData(data)
	if err := nd.SetCidBuilder(b); err != nil {
		t.Fatal(err)
	}
	if err := ds.Add(context.Background(), nd); err != nil {
		t.Fatal(err)
	}
	return nd
}
