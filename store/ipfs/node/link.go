package node

import (
	"bufio"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ipp/store/dag"
	"ipp/store/ipfs"
	"ipp/store/ipfs/wire"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
	mh "github.com/multiformats/go-multihash"
)

const (
	writing  = 10 * time.Second       // a message of ours
	most     = 1024                   // blocks that one message asks for
	coming   = 4                      // blocks of one peer that are read at a time
	maxIdle  = 8 << 20                // bytes of no use from one peer, beside as many as were of use
	telling  = 64 << 10               // bytes of blocks, after which who waits is told that they come,
	tellEach = 100 * time.Millisecond // or time
	renewal  = 3 * time.Second        // of silence, after which all is asked for again
)

// want is a block that somebody waits for.
type want struct {
	cid    cid.Cid
	report func(int)
	got    chan answer // has room for one
}

type answer struct {
	data []byte
	err  error
}

// hashing is how a block is hashed.
type hashing struct {
	code uint64
	size int
}

// link is what connects to a peer: one stream on which it is asked, and those on
// which it answers. It begins before the connection does.
type link struct {
	peer      *Peer
	ctx       context.Context // ends with the link; its cause says why
	cancel    context.CancelCauseFunc
	connected atomic.Bool
	places    chan struct{} // for blocks that are coming
	kick      chan struct{} // there is something to be sent

	mu       sync.Mutex
	wants    map[string][]*want  // by multihash
	asked    map[uint64]struct{} // hashes of all multihashes that were ever asked for
	seed     maphash.Seed
	hashings map[hashing]struct{} // of these
	queue    []wire.Entry         // to be sent
	priority int
	useful   int64 // bytes of blocks that were asked for
	useless  int64 // bytes of anything else
	untold   int   // bytes that came since who waits was told
	told     time.Time
	heard    time.Time // when something came last, or waiting began
}

func newLink(p *Peer) *link {
	l := &link{
		peer: p, places: make(chan struct{}, coming), kick: make(chan struct{}, 1), priority: 1 << 30,
		wants: map[string][]*want{}, asked: map[uint64]struct{}{}, seed: maphash.MakeSeed(), hashings: map[hashing]struct{}{},
	}
	l.ctx, l.cancel = context.WithCancelCause(p.client.ctx)
	return l
}

func (l *link) broken() bool { return l.ctx.Err() != nil }

// fail ends the link: what it says first counts.
func (l *link) fail(err error) {
	if l.broken() {
		return
	}
	l.cancel(err)
	_ = l.peer.client.host.Network().ClosePeer(l.peer.info.ID) // it is over in any case
}

// want asks for a block; leave it.
func (l *link) want(c cid.Cid, report func(int)) *want {
	w := &want{cid: c, report: report, got: make(chan answer, 1)}
	key := string(c.Hash())
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.wants) == 0 {
		l.heard = time.Now()
	}
	if len(l.wants[key]) == 0 {
		l.queue = append(l.queue, wire.Entry{CID: c})
		l.asked[maphash.String(l.seed, key)] = struct{}{}
		p := c.Prefix()
		l.hashings[hashing{p.MhType, p.MhLength}] = struct{}{}
		l.wake()
	}
	l.wants[key] = append(l.wants[key], w)
	return w
}

// wake says that there is something to send. l.mu is held.
func (l *link) wake() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// leave ends a want; where nobody else waits for the block the peer is told.
func (l *link) leave(w *want) {
	key := string(w.cid.Hash())
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.wants[key]
	i := slices.Index(list, w)
	if i < 0 {
		return // it was answered
	}
	if list = slices.Delete(list, i, i+1); len(list) > 0 {
		l.wants[key] = list
		return
	}
	delete(l.wants, key)
	l.queue = append(l.queue, wire.Entry{CID: w.cid, Cancel: true})
	l.wake()
}

// answered hands an answer to all who wait for it, and says whether it was ever
// asked for.
func (l *link) answered(hash mh.Multihash, a answer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := string(hash)
	if _, ok := l.asked[maphash.String(l.seed, key)]; !ok {
		return false
	}
	l.heard = time.Now()
	for _, w := range l.wants[key] {
		w.got <- a
	}
	delete(l.wants, key)
	l.useful += int64(len(a.data))
	return true
}

// run connects, then sends what is asked for, until the link ends.
func (l *link) run() {
	stream, err := l.peer.client.dial(l.ctx, l.peer.info)
	if err != nil {
		l.fail(plain(err))
		return
	}
	l.connected.Store(true)
	again := time.NewTicker(renewal)
	defer again.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-again.C:
			l.renew()
		case <-l.kick:
		}
		if err := l.send(stream); err != nil {
			l.fail(fmt.Errorf("ask it: %w", err))
			return
		}
	}
}

// renew asks again for all that is waited for, where nothing came for long: the
// peer may have forgotten.
func (l *link) renew() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.wants) == 0 || time.Since(l.heard) < renewal {
		return
	}
	l.heard = time.Now()
	for _, list := range l.wants {
		l.queue = append(l.queue, wire.Entry{CID: list[0].cid})
	}
}

// batch takes out what goes into the next message. Of what is said of one block
// the last counts: Kubo takes a cancellation and a want in one message, whichever
// comes first, for a cancellation.
func (l *link) batch() (batch []wire.Entry, priority int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.queue), most)
	last := make(map[cid.Cid]int, n)
	for i, e := range l.queue[:n] {
		last[e.CID] = i
	}
	for i, e := range l.queue[:n] {
		if last[e.CID] == i {
			batch = append(batch, e)
		}
	}
	l.queue, priority = l.queue[n:], l.priority
	l.priority -= n
	return batch, priority
}

// send sends what there is to be sent.
func (l *link) send(s network.Stream) error {
	for {
		batch, first := l.batch()
		if len(batch) == 0 {
			return nil
		}
		if err := s.SetWriteDeadline(time.Now().Add(writing)); err != nil {
			return err
		}
		if _, err := s.Write(wire.Asking(batch, first)); err != nil {
			return err
		}
	}
}

// read reads the answers that come on one stream.
func (l *link) read(s network.Stream) error {
	r := bufio.NewReaderSize(s, 16<<10)
	for {
		if err := wire.ReadAnswers(r, l); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// Room implements wire.Answers.
func (l *link) Room(int) (func(), error) {
	select {
	case l.places <- struct{}{}:
		return func() { <-l.places }, nil
	case <-l.ctx.Done():
		return nil, context.Cause(l.ctx)
	}
}

// Came implements wire.Answers: nobody takes the peer for silent while it sends.
func (l *link) Came(n int) {
	l.mu.Lock()
	l.untold += n
	now := time.Now()
	l.heard = now
	if l.untold < telling && now.Sub(l.told) < tellEach {
		l.mu.Unlock()
		return
	}
	n, l.untold, l.told = l.untold, 0, now
	var waiting []*want
	for _, list := range l.wants {
		waiting = append(waiting, list...)
	}
	l.mu.Unlock()
	for _, w := range waiting {
		w.report(n)
	}
}

// Block implements wire.Answers. What was not asked for is a lie.
func (l *link) Block(prefix, data []byte) error {
	p, err := cid.PrefixFromBytes(prefix)
	if err != nil {
		return ipfs.ErrOther
	}
	l.mu.Lock()
	_, known := l.hashings[hashing{p.MhType, p.MhLength}]
	l.mu.Unlock()
	if !known {
		return ipfs.ErrOther
	}
	hash, err := mh.Sum(data, p.MhType, p.MhLength)
	if err != nil || !l.answered(hash, answer{data: data}) {
		return ipfs.ErrOther
	}
	return nil
}

// Absent implements wire.Answers.
func (l *link) Absent(c cid.Cid) { l.answered(c.Hash(), answer{err: errAbsent}) }

// errAbsent is what a peer says that has none.
var errAbsent = fmt.Errorf("it does not have it: %w", fs.ErrNotExist)

// Idle implements wire.Answers.
func (l *link) Idle(n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.useless += int64(n); l.useless > maxIdle+l.useful {
		return &dag.LimitError{What: "bytes that nobody asked for", Limit: maxIdle}
	}
	return nil
}
