package ipfs

import (
	"context"
	"sync"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// maxCrawled is how many nodes are asked for ahead of the walk, in all: as many
// as a package has files. Of what is beyond, the walk asks by itself.
const maxCrawled = 250_000

// smallLeaf is the largest leaf that is kept: of what is read when a package is
// opened, before it is staged.
const smallLeaf = 64 << 10

// kept are blocks that will be read again, the newest limit bytes of them.
type kept struct {
	limit int64
	cost  int64
	have  map[cid.Cid][]byte
	order []cid.Cid // the oldest first
}

func newKept(limit int64) kept { return kept{limit: limit, have: map[cid.Cid][]byte{}} }

// nodes are the blocks with links. Each is read at least twice, by the plan and
// when the package is staged, so they are kept.
type nodes struct {
	mu sync.Mutex
	kept
	small kept // leaves
	calls map[cid.Cid]*call

	crawled map[cid.Cid]struct{}
	queue   []cid.Cid
	crawls  int // that are running
}

// call is a question that several wait for.
type call struct {
	done chan struct{}
	data []byte
	err  error
}

func newNodes(limit, small int64) *nodes {
	return &nodes{kept: newKept(limit), small: newKept(small), calls: map[cid.Cid]*call{}, crawled: map[cid.Cid]struct{}{}}
}

// leaf gets a leaf that nobody asked for ahead.
func (f *Fetcher) leaf(ctx context.Context, c cid.Cid) ([]byte, error) {
	data, err := f.get(ctx, c)
	if err == nil && len(data) <= smallLeaf {
		f.nodes.mu.Lock()
		defer f.nodes.mu.Unlock()
		f.nodes.small.keep(c, data)
	}
	return data, err
}

// small is a leaf that was kept.
func (f *Fetcher) small(c cid.Cid) ([]byte, bool) {
	f.nodes.mu.Lock()
	defer f.nodes.mu.Unlock()
	data, ok := f.nodes.small.have[c]
	return data, ok
}

// node gets a node, which whoever asks at the same time gets too.
func (f *Fetcher) node(ctx context.Context, c cid.Cid) ([]byte, error) {
	n := f.nodes
	n.mu.Lock()
	if data, ok := n.have[c]; ok {
		n.mu.Unlock()
		return data, nil
	}
	k := n.calls[c]
	if k == nil {
		k = &call{done: make(chan struct{})}
		n.calls[c] = k
		f.tasks.Go(func() {
			k.data, k.err = f.get(f.ctx, c)
			n.mu.Lock()
			defer n.mu.Unlock()
			delete(n.calls, c)
			if k.err == nil {
				n.keep(c, k.data)
			}
			close(k.done)
		})
	}
	n.mu.Unlock()
	select {
	case <-k.done:
		return k.data, k.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// keep keeps a block, and forgets the oldest for it.
func (k *kept) keep(c cid.Cid, data []byte) {
	if _, ok := k.have[c]; ok {
		return
	}
	k.have[c] = data
	k.order = append(k.order, c)
	k.cost += cost(data)
	for k.cost > k.limit && len(k.order) > 1 {
		oldest := k.order[0]
		k.order = k.order[1:]
		k.cost -= cost(k.have[oldest])
		delete(k.have, oldest)
	}
}

// cost is what a kept block takes, with its keys.
func cost(data []byte) int64 { return int64(len(data)) + 256 }

// Ahead implements dag.Remote: nodes are asked for as soon as what links to them
// is here, many at once, and not when the walk comes to them.
func (f *Fetcher) Ahead(cids []cid.Cid) {
	n, width := f.nodes, f.atOnce()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range cids {
		if _, ok := n.crawled[c]; ok || len(n.crawled) >= maxCrawled {
			continue
		}
		n.crawled[c] = struct{}{}
		n.queue = append(n.queue, c)
	}
	for n.crawls < min(width, len(n.queue)) && f.ctx.Err() == nil {
		n.crawls++
		f.tasks.Go(f.crawl)
	}
}

// crawl works on the queue until it is empty.
func (f *Fetcher) crawl() {
	for {
		c, ok := f.nodes.next()
		if !ok {
			return
		}
		data, err := f.node(f.ctx, c)
		if err != nil {
			continue // the walk says what is wrong
		}
		links, err := dag.Links(c, data)
		if err != nil {
			continue
		}
		below := links[:0]
		for _, l := range links {
			if l.Type() == cid.DagProtobuf {
				below = append(below, l)
			}
		}
		if len(below) > 0 {
			f.Ahead(below)
		}
	}
}

// next takes one node out of the queue. Nothing is asked for that there would
// be no room for: the oldest nodes are those that are read next.
func (n *nodes) next() (cid.Cid, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.queue) == 0 || n.cost > n.limit-dag.MaxBlock {
		n.queue = nil
		n.crawls--
		return cid.Undef, false
	}
	c := n.queue[0]
	n.queue = n.queue[1:]
	return c, true
}
