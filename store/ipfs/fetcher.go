package ipfs

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"time"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// Fetcher is one dag.Blocks made of several sources.
type Fetcher struct {
	lim     Limits
	members []*member // in the order of preference
	ctx     context.Context
	cancel  context.CancelFunc
	tasks   sync.WaitGroup
	width   int // how many blocks may be asked for at once

	nodes *nodes
	ahead *window
}

// maxWidth keeps bitswap's queues short: a peer stalls beyond 1,024 wants.
const maxWidth = 512

// New makes a Fetcher of sources, the preferred ones first. Close it: that
// closes the sources too.
func New(lim Limits, sources ...Source) *Fetcher {
	if lim == (Limits{}) {
		lim = DefaultLimits()
	}
	f := &Fetcher{lim: lim, nodes: newNodes(lim.Nodes, lim.Small), ahead: newWindow(lim.Window)}
	for _, s := range sources {
		f.members = append(f.members, newMember(s))
		f.width = min(f.width+s.Width(), maxWidth)
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// Close ends all work and closes the sources.
func (f *Fetcher) Close() error {
	f.cancel()
	f.tasks.Wait()
	var all []error
	for _, m := range f.members {
		all = append(all, m.Close())
	}
	return errors.Join(all...)
}

// Outcomes says what became of each source so far.
func (f *Fetcher) Outcomes() []Outcome {
	list := make([]Outcome, len(f.members))
	for i, m := range f.members {
		list[i] = m.outcome()
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

// answer is what one source said.
type answer struct {
	from *member
	data []byte
	err  error
}

// get asks one source after the other, and where one is silent another as well.
// The first block that verifies counts.
func (f *Fetcher) get(ctx context.Context, c cid.Cid) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		answers = make(chan answer, tries*len(f.members))
		heard   = make(chan struct{}, 1)
		asked   = map[*member]int{}
		said    = map[*member]error{}
		pending = 0
	)
	hear := func() {
		select {
		case heard <- struct{}{}:
		default:
		}
	}
	ask := func() bool {
		m := f.choose(asked, said)
		if m == nil {
			return false
		}
		before := asked[m]
		asked[m]++
		pending++
		f.tasks.Go(func() {
			pause(ctx, time.Duration(before)*100*time.Millisecond)
			data, err := m.get(ctx, c, &f.lim, hear)
			answers <- answer{m, data, err}
		})
		return true
	}
	ask()
	hedge := time.NewTimer(f.lim.Hedge)
	defer hedge.Stop()
	for pending > 0 {
		select {
		case a := <-answers:
			pending--
			if a.err == nil {
				return a.data, nil
			}
			said[a.from] = a.err
			ask()
		case <-heard: // somebody is sending: nobody else is needed
			hedge.Reset(f.lim.Hedge)
		case <-hedge.C:
			if ask() {
				hedge.Reset(f.lim.Hedge)
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, f.unreachable(c, said)
}

// choose finds the source to ask next: none that has answered, the one that is
// likely to be the quickest, the preferred one where nothing is known.
func (f *Fetcher) choose(asked map[*member]int, said map[*member]error) *member {
	var best *member
	for _, m := range f.members {
		if !m.alive() || asked[m] > 0 && !again(asked[m], said[m]) {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(asked[m], asked[best]), cmp.Compare(m.wait(), best.wait())) < 0 {
			best = m
		}
	}
	return best
}

// again says whether a source is worth another question for the same block.
func again(times int, said error) bool {
	return said != nil && times < tries && !errors.Is(said, fs.ErrNotExist) && !errors.Is(said, context.Canceled)
}

// unreachable says what became of the question: what each source said of it, or
// why it is asked no more.
func (f *Fetcher) unreachable(c cid.Cid, said map[*member]error) error {
	e := &UnreachableError{CID: c}
	for _, m := range f.members {
		o := m.outcome()
		if s := said[m]; s != nil && m.alive() {
			o.Err = s
		}
		e.Tried = append(e.Tried, o)
	}
	return e
}

// pause waits before a source is asked again.
func pause(ctx context.Context, d time.Duration) {
	if d == 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// streamer is the best source that can send a whole DAG.
func (f *Fetcher) streamer(not []*member) (*member, Streamer) {
	var best *member
	for _, m := range f.members {
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
