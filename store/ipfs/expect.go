package ipfs

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

const (
	// leastStream is for how many bytes a stream is worth its questions.
	leastStream = 256 << 10
	// streamSlack is what the nodes of a part may take in a stream, beside an
	// eighth of its leaves.
	streamSlack = 32 << 20
)

// Expect implements dag.Remote. Where seven eighths of a part or more are lacking,
// and a source can send all of it, that is asked for in one; whatever is still lacking then is
// asked for leaf by leaf, ahead of the walk.
func (f *Fetcher) Expect(ctx context.Context, e dag.Expected) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(f.ctx, cancel)
	var tasks sync.WaitGroup
	var top []cid.Cid
	if e.Bytes >= leastStream && e.Bytes >= e.Within-e.Within/8 {
		top = f.streams(ctx, e)
	}
	tasks.Go(func() {
		f.streamAll(ctx, top, e)
		f.ahead.stream(false)
		f.askAhead(ctx, e)
	})
	return func() {
		cancel()
		stop()
		tasks.Wait()
	}
}

// streams says what to ask for as streams: what stands at the top of the part,
// but for files of one leaf. From then on leaves are waited for.
func (f *Fetcher) streams(ctx context.Context, e dag.Expected) (top []cid.Cid) {
	if m, _ := f.streamer(nil); m == nil {
		return nil
	}
	entries, err := dag.List(ctx, f, e.Root, e.Walk.Limits)
	if err != nil {
		return nil // the walk says what is wrong
	}
	f.ahead.stream(true)
	for _, entry := range entries {
		switch {
		case e.Walk.Omit != nil && e.Walk.Omit(entry.Path):
		case entry.CID.Type() == cid.DagProtobuf:
			top = append(top, entry.CID)
		default:
			f.ahead.pass(entry.CID)
		}
	}
	return top
}

// streamAll streams from one source or, where that fails, the next. What goes
// wrong is that source's affair: leaves that do not come are asked for one by
// one.
func (f *Fetcher) streamAll(ctx context.Context, top []cid.Cid, e dag.Expected) {
	left := e.Within + e.Within/8 + streamSlack
	var tried []*member
	for _, root := range top {
		for {
			m, s := f.streamer(tried)
			if m == nil || ctx.Err() != nil {
				return
			}
			linked := newLinked(root)
			others := func() bool { return f.others(m) }
			err := m.stream(ctx, s, root, &f.lim, others, func(c cid.Cid, data []byte) error {
				if left -= int64(len(data)); left < 0 {
					return &dag.LimitError{What: fmt.Sprintf("bytes below %s", e.Root), Limit: e.Within}
				}
				if err := linked.check(c, data); err != nil {
					return err
				}
				return f.streamed(ctx, c, data)
			})
			if err == nil {
				break
			}
			tried = append(tried, m)
		}
	}
}

// others says whether somebody else can be asked.
func (f *Fetcher) others(not *member) bool {
	return slices.ContainsFunc(f.all(), func(m *member) bool { return m != not && m.alive() && m.blocks.Load() > 0 })
}

// linked knows the blocks that may come in a stream: its root, and what those that
// came link to.
type linked struct {
	seed  maphash.Seed
	known map[uint64]struct{} // hashes of multihashes
}

func newLinked(root cid.Cid) *linked {
	l := &linked{maphash.MakeSeed(), map[uint64]struct{}{}}
	l.add(root)
	return l
}

func (l *linked) hash(c cid.Cid) uint64 { return maphash.Bytes(l.seed, c.Hash()) }

func (l *linked) add(c cid.Cid) { l.known[l.hash(c)] = struct{}{} }

// errUnlinked ends a stream in another order than that of a walk, or of another DAG.
// Its source may be good for single blocks.
var errUnlinked = errors.New("it sent an archive with a block that none before it links to")

func (l *linked) check(c cid.Cid, data []byte) error {
	if _, ok := l.known[l.hash(c)]; !ok {
		return errUnlinked
	}
	links, err := dag.Links(c, data)
	for _, below := range links {
		l.add(below)
	}
	return err
}

func (f *Fetcher) streamed(ctx context.Context, c cid.Cid, data []byte) error {
	if c.Type() != cid.DagProtobuf {
		return f.ahead.deliver(ctx, c, data)
	}
	f.nodes.mu.Lock()
	defer f.nodes.mu.Unlock()
	if f.nodes.cost+cost(data) < f.nodes.limit {
		f.nodes.keep(c, data)
	}
	return nil
}

// askAhead asks for leaves in the order of the walk, many at once.
func (f *Fetcher) askAhead(ctx context.Context, e dag.Expected) {
	slots := make(chan struct{}, max(f.atOnce(), 1))
	ask := func(l dag.Leaf) error {
		if l.CID.Type() == cid.DagProtobuf || l.Size == 0 {
			return ctx.Err()
		}
		coming, fresh, err := f.ahead.ask(ctx, l.CID, l.Size)
		if err != nil || !fresh {
			return err
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			f.ahead.land(l.CID, coming, nil, ctx.Err())
			return ctx.Err()
		}
		f.tasks.Go(func() {
			defer func() { <-slots }()
			data, err := f.get(ctx, l.CID)
			f.ahead.land(l.CID, coming, data, err)
		})
		return nil
	}
	// Its errors are the walk's own, which meets them too.
	_ = dag.Walk(ctx, f, e.Root, e.Walk, func(entry *dag.Entry) error {
		if entry.Kind != dag.File {
			return nil
		}
		for _, l := range e.Lacks(entry) {
			if err := ask(l); err != nil {
				return err
			}
		}
		return nil
	})
}
