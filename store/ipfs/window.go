package ipfs

import (
	"context"
	"hash/maphash"
	"sync"

	"github.com/ipfs/go-cid"
)

// window holds leaves that came before they were asked for. It is filled in the
// order in which they will be, and as wide as memory allows; who asks for
// a leaf takes it out.
type window struct {
	mu    sync.Mutex
	limit int64
	held  int64
	moved chan struct{} // closed, and made anew, whenever room is made or somebody waits

	leaves map[cid.Cid]*leaf
	ready  []cid.Cid // those that are there, the oldest first
	asked  map[uint64]struct{}
	seed   maphash.Seed

	streaming bool // leaves come that nobody asked for one by one
	waiting   int  // how many wait for one of these
	stuck     int  // how many wait for room
}

// leaf is one that is there, or is coming.
type leaf struct {
	call
	size   int64 // of its room
	landed bool
}

func newWindow(limit int64) *window {
	return &window{limit: limit, moved: make(chan struct{}), leaves: map[cid.Cid]*leaf{}, asked: map[uint64]struct{}{}, seed: maphash.MakeSeed()}
}

func (w *window) hash(c cid.Cid) uint64 { return maphash.String(w.seed, c.KeyString()) }

// signal wakes who waits for room. w.mu is held.
func (w *window) signal() {
	close(w.moved)
	w.moved = make(chan struct{})
}

// take gives a leaf that is there or is coming, and its room back. false: the
// window does not know it, or it did not come.
func (w *window) take(ctx context.Context, c cid.Cid) ([]byte, bool, error) {
	w.mu.Lock()
	l := w.leaves[c]
	if l == nil {
		if _, passed := w.asked[w.hash(c)]; passed || !w.streaming {
			w.asked[w.hash(c)] = struct{}{}
			if w.stuck > 0 {
				w.drop(1) // what is in the way is not what is asked for
			}
			w.mu.Unlock()
			return nil, false, nil
		}
		l = &leaf{call: call{done: make(chan struct{})}}
		w.leaves[c] = l
	}
	if !l.landed {
		w.waiting++
		w.signal()
		w.mu.Unlock()
		select {
		case <-l.done:
		case <-ctx.Done():
		}
		w.mu.Lock()
		w.waiting--
	}
	defer w.mu.Unlock()
	if !l.landed && l.err == nil {
		return nil, false, ctx.Err()
	}
	if w.leaves[c] == l {
		w.forget(c, l)
	}
	return l.data, l.err == nil, nil
}

// forget takes a leaf out. w.mu is held.
func (w *window) forget(c cid.Cid, l *leaf) {
	delete(w.leaves, c)
	w.held -= l.size
	w.signal()
}

// drop makes room of the n oldest leaves that nobody took. w.mu is held.
func (w *window) drop(n int) {
	for n > 0 && len(w.ready) > 0 {
		c := w.ready[0]
		w.ready = w.ready[1:]
		if l := w.leaves[c]; l != nil && l.landed {
			w.forget(c, l)
			n--
		}
	}
}

// room waits until there is room for a leaf. impatient: as long as somebody
// waits for a leaf that is further on, what nobody took makes way. w.mu is held.
func (w *window) room(ctx context.Context, size int64, impatient bool) error {
	for w.held > 0 && w.held+size > w.limit {
		if impatient && w.waiting > 0 && len(w.ready) > 0 {
			w.drop(1)
			continue
		}
		moved := w.moved
		w.stuck++
		w.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
		}
		w.mu.Lock()
		w.stuck--
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	w.held += size
	return ctx.Err()
}

// ask notes that a leaf is being asked for, once there is room; false: it was
// before.
func (w *window) ask(ctx context.Context, c cid.Cid, size int64) (*leaf, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.hash(c)
	if _, ok := w.asked[h]; ok || w.leaves[c] != nil {
		return nil, false, nil
	}
	if err := w.room(ctx, size, false); err != nil {
		return nil, false, err
	}
	l := &leaf{call: call{done: make(chan struct{})}, size: size}
	w.asked[h], w.leaves[c] = struct{}{}, l
	return l, true, nil
}

// land brings in what was asked for.
func (w *window) land(c cid.Cid, l *leaf, data []byte, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l.data, l.err, l.landed = data, err, true
	close(l.done)
	if w.leaves[c] != l {
		return
	}
	if err != nil {
		w.forget(c, l)
		return
	}
	w.ready = append(w.ready, c)
	w.tidy()
}

// tidy keeps the list of what is there as short as that. w.mu is held.
func (w *window) tidy() {
	if len(w.ready) < 1024 || len(w.ready) < 2*len(w.leaves) {
		return
	}
	kept := w.ready[:0]
	for _, c := range w.ready {
		if l := w.leaves[c]; l != nil && l.landed {
			kept = append(kept, c)
		}
	}
	w.ready = kept
}

// deliver brings in what a stream sent.
func (w *window) deliver(ctx context.Context, c cid.Cid, data []byte) error {
	w.mu.Lock()
	h := w.hash(c)
	if _, ok := w.asked[h]; ok {
		w.mu.Unlock()
		return nil
	}
	size := int64(len(data))
	if err := w.room(ctx, size, true); err != nil {
		w.mu.Unlock()
		return err
	}
	w.asked[h] = struct{}{}
	l := w.leaves[c] // somebody may wait for it
	if l == nil {
		l = &leaf{call: call{done: make(chan struct{})}}
		w.leaves[c] = l
	}
	l.size = size
	w.mu.Unlock()
	w.land(c, l, data, nil)
	return nil
}

// pass says that no stream brings a leaf.
func (w *window) pass(c cid.Cid) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked[w.hash(c)] = struct{}{}
}

// stream says whether leaves come by themselves; when that ends, whoever waits
// for one asks for it.
func (w *window) stream(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.streaming = on
	if on {
		return
	}
	for c, l := range w.leaves {
		if _, ok := w.asked[w.hash(c)]; !ok && !l.landed {
			delete(w.leaves, c)
			close(l.done)
		}
	}
}
