package ipfs

import (
	"context"
	"errors"
	"slices"
	"sync"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// Fetcher is one dag.Blocks made of several sources.
type Fetcher struct {
	lim     Limits
	finders []Finder
	search  chan struct{} // has room for the searches that may be under way
	ctx     context.Context
	cancel  context.CancelFunc
	tasks   sync.WaitGroup

	mu      sync.Mutex
	members []*member // in the order of preference
	width   int       // how many blocks may be asked for at once
	said    map[Finder]error

	nodes *nodes
	ahead *window
}

const (
	// maxWidth keeps bitswap's queues short: a peer stalls beyond 1,024 wants.
	maxWidth = 512
	// searches is how many blocks are searched for at once.
	searches = 8
)

// New makes a Fetcher of sources, the preferred ones first. Close it: that
// closes the sources too.
func New(lim Limits, sources ...Source) *Fetcher {
	if lim == (Limits{}) {
		lim = DefaultLimits()
	}
	f := &Fetcher{lim: lim, search: make(chan struct{}, searches), said: map[Finder]error{}, nodes: newNodes(lim.Nodes, lim.Small), ahead: newWindow(lim.Window)}
	for _, s := range sources {
		f.add(s)
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// FindWith adds a finder, before anything is asked for. It is closed with the
// Fetcher.
func (f *Fetcher) FindWith(finder Finder) { f.finders = append(f.finders, finder) }

func (f *Fetcher) add(s Source) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members = append(f.members, newMember(s))
	f.width = min(f.width+s.Width(), maxWidth)
}

// all are the sources that are known now.
func (f *Fetcher) all() []*member {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.members)
}

// atOnce is how many blocks may be asked for at once.
func (f *Fetcher) atOnce() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.width
}

// Close ends all work and closes the sources.
func (f *Fetcher) Close() error {
	f.cancel()
	f.tasks.Wait()
	var all []error
	for _, m := range f.all() {
		all = append(all, m.close())
	}
	for _, finder := range f.finders {
		all = append(all, finder.Close())
	}
	return errors.Join(all...)
}

// Outcomes says what became of each source so far.
func (f *Fetcher) Outcomes() []Outcome {
	var list []Outcome
	for _, m := range f.all() {
		list = append(list, m.outcome())
	}
	return list
}

// Block implements dag.Blocks. What it gives was verified.
func (f *Fetcher) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	if c.Type() == cid.DagProtobuf {
		return f.node(ctx, c)
	}
	if dag.Verify(c, nil) == nil { // bitswap never delivers it
		return nil, nil
	}
	if data, ok := f.small(c); ok {
		return data, nil
	}
	if data, ok, err := f.ahead.take(ctx, c); ok || err != nil {
		return data, err
	}
	return f.leaf(ctx, c)
}

// streamer is the best source that can send a whole DAG.
func (f *Fetcher) streamer(not []*member) (*member, Streamer) {
	var best *member
	for _, m := range f.all() {
		if _, ok := m.Source.(Streamer); !ok || !m.alive() || slices.Contains(not, m) {
			continue
		}
		if best == nil || m.blocks.Load() > 0 && best.blocks.Load() == 0 {
			best = m
		}
	}
	if best == nil {
		return nil, nil
	}
	return best, best.Source.(Streamer)
}
