package ipfs

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/ipfs/go-cid"
)

// race is a question for one block: who was asked, and what came of it.
type race struct {
	*Fetcher
	ctx      context.Context
	cid      cid.Cid
	answers  chan answer
	heard    chan struct{} // somebody sends
	asked    map[*member]int
	said     map[*member]error
	pending  int           // answers that are to come
	more     chan struct{} // closed when the search is over; nil: there is none
	found    chan struct{} // somebody was
	searched bool
}

// answer is what one source said.
type answer struct {
	from *member
	data []byte
	err  error
}

// get asks one source after the other, and where one is silent, or takes long,
// another as well; with nobody left to ask others are searched for. The first
// block that verifies counts.
func (f *Fetcher) get(ctx context.Context, c cid.Cid) ([]byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errLost)
	r := &race{
		Fetcher: f, ctx: ctx, cid: c, answers: make(chan answer), heard: make(chan struct{}, 1), found: make(chan struct{}, 1),
		asked: map[*member]int{}, said: map[*member]error{},
	}
	return r.run()
}

func (r *race) run() ([]byte, error) {
	r.ask()
	silence := r.lim.Hedge // before another is asked as well; with each one that is silent it is shorter
	hedge, late := time.NewTimer(r.lim.Hedge), time.NewTimer(r.lim.Grace)
	defer hedge.Stop()
	defer late.Stop()
	for r.pending > 0 || r.more != nil {
		select {
		case a := <-r.answers:
			r.pending--
			if a.err == nil {
				return a.data, nil
			}
			r.said[a.from] = a.err
			r.ask()
		case <-r.heard: // somebody is sending: nobody else is needed, but he may take long
			silence = r.lim.Hedge
			hedge.Reset(silence)
		case <-hedge.C:
			if r.ask() || r.more != nil {
				silence = max(silence/2, r.lim.Hedge/16)
				hedge.Reset(silence)
			}
		case <-late.C:
			if r.ask() || r.more != nil {
				late.Reset(r.lim.Grace)
			}
		case <-r.found:
			r.ask()
		case <-r.more:
			r.more = nil
			r.ask()
		case <-r.ctx.Done():
			return nil, r.ctx.Err()
		}
	}
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	return nil, r.unreachable()
}

// ask asks one more source; false: there is none. Then others are searched for.
func (r *race) ask() bool {
	m := r.choose()
	if m == nil {
		r.searchMore()
		return false
	}
	before := r.asked[m]
	r.asked[m]++
	delete(r.said, m) // until it is known what it says now, it is not asked again
	r.pending++
	hear := func() { wake(r.heard) }
	r.tasks.Go(func() {
		pause(r.ctx, time.Duration(before)*100*time.Millisecond)
		data, err := m.get(r.ctx, r.cid, &r.lim, hear)
		select {
		case r.answers <- answer{m, data, err}:
		case <-r.ctx.Done():
		}
	})
	return true
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// searchMore begins to search for others, once.
func (r *race) searchMore() {
	if r.searched || len(r.finders) == 0 {
		return
	}
	r.searched = true
	more := make(chan struct{})
	r.more = more
	r.tasks.Go(func() {
		defer close(more)
		select {
		case r.search <- struct{}{}:
			defer func() { <-r.search }()
		case <-r.ctx.Done():
			return
		}
		for _, finder := range r.finders {
			err := finder.Find(r.ctx, r.cid, func(s Source) {
				r.add(s)
				wake(r.found)
			})
			if r.ctx.Err() != nil {
				return
			}
			r.mu.Lock()
			r.Fetcher.said[finder] = err
			r.mu.Unlock()
		}
	})
}

// choose finds the source to ask next: none that has answered, the one that is
// likely to be the quickest, the preferred one where nothing is known.
func (r *race) choose() *member {
	var best *member
	for _, m := range r.all() {
		if !m.alive() || r.asked[m] > 0 && !again(r.asked[m], r.said[m]) {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(r.asked[m], r.asked[best]), cmp.Compare(m.wait(), best.wait())) < 0 {
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
func (r *race) unreachable() error {
	e := &UnreachableError{CID: r.cid}
	for _, m := range r.all() {
		o := m.outcome()
		if s := r.said[m]; s != nil && m.alive() {
			o.Err = s
		}
		e.Tried = append(e.Tried, o)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, finder := range r.finders {
		if err := r.Fetcher.said[finder]; err != nil {
			e.Tried = append(e.Tried, Outcome{Name: finder.Name(), Err: err})
		}
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
