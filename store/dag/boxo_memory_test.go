// The tests of this package compare ours with what boxo makes and reads.
package dag_test

import (
	"context"
	"fmt"
	"io/fs"
	"sync"

	mdag "github.com/ipfs/boxo/ipld/merkledag"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// memory is boxo's DAGService and our dag.Blocks over one map.
type memory struct {
	mu sync.Mutex
	m  map[cid.Cid][]byte
}

func newMemory() *memory { return &memory{m: make(map[cid.Cid][]byte)} }

func (m *memory) Block(_ context.Context, c cid.Cid) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b, ok := m.m[c]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("block %s: %w", c, fs.ErrNotExist)
}

func (m *memory) Add(_ context.Context, nd ipld.Node) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.m[nd.Cid()] = nd.RawData()
	return nil
}

func (m *memory) AddMany(ctx context.Context, nds []ipld.Node) error {
	for _, nd := range nds {
		if err := m.Add(ctx, nd); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Get(ctx context.Context, c cid.Cid) (ipld.Node, error) {
	b, err := m.Block(ctx, c)
	if err != nil {
		return nil, ipld.ErrNotFound{Cid: c}
	}
	if c.Type() == cid.Raw {
		return mdag.NewRawNodeWPrefix(b, c.Prefix())
	}
	blk, err := blocks.NewBlockWithCid(b, c)
	if err != nil {
		return nil, err
	}
	return mdag.DecodeProtobufBlock(blk)
}

func (m *memory) GetMany(ctx context.Context, cs []cid.Cid) <-chan *ipld.NodeOption {
	out := make(chan *ipld.NodeOption, len(cs))
	for _, c := range cs {
		nd, err := m.Get(ctx, c)
		out <- &ipld.NodeOption{Node: nd, Err: err}
	}
	close(out)
	return out
}

func (m *memory) Remove(context.Context, cid.Cid) error       { return nil }
func (m *memory) RemoveMany(context.Context, []cid.Cid) error { return nil }
