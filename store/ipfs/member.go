package ipfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// tries is how often a source may fail one after the other.
const tries = 3

// member is a source, and what is known of it.
type member struct {
	Source
	slots chan struct{}

	bytes, blocks atomic.Int64
	busy          atomic.Int64
	heard         atomic.Int64 // when it last sent anything, in nanoseconds
	held          atomic.Int64 // streams that wait for us

	mu      sync.Mutex
	took    time.Duration // for a block, lately
	failed  int           // times in a row
	last    error
	dropped error
	gone    chan struct{} // closed when it is dropped
}

func newMember(s Source) *member {
	return &member{Source: s, slots: make(chan struct{}, s.Width()), gone: make(chan struct{})}
}

func (m *member) outcome() Outcome {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := Outcome{Name: m.Name(), Bytes: m.bytes.Load(), Blocks: m.blocks.Load(), Err: m.dropped}
	if o.Err == nil {
		o.Err = m.last
	}
	return o
}

func (m *member) alive() bool {
	select {
	case <-m.gone:
		return false
	default:
		return true
	}
}

// drop ends all that is asked of the source.
func (m *member) drop(why string, err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dropped == nil {
		m.dropped = &DroppedError{Why: why, Err: err}
		close(m.gone)
	}
	return m.dropped
}

// wait is how long the source would take for one more block, as far as is known;
// of one that was never asked, nothing.
func (m *member) wait() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.took * time.Duration(m.busy.Load()+1) / time.Duration(m.Width())
}

// get asks for one block, and judges what comes.
func (m *member) get(ctx context.Context, c cid.Cid, lim *Limits, heard func()) ([]byte, error) {
	m.busy.Add(1)
	defer m.busy.Add(-1)
	select {
	case m.slots <- struct{}{}:
		defer func() { <-m.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-m.gone:
		return nil, m.dropped
	}
	began := time.Now()
	var data []byte
	err := m.watch(ctx, lim, heard, func(ctx context.Context, report func(int)) (err error) {
		data, err = m.Block(ctx, c, report)
		return err
	})
	if err == nil {
		err = dag.Verify(c, data)
	}
	return data, m.judge(ctx, err, len(data), time.Since(began))
}

// stream asks for all blocks below root.
func (m *member) stream(ctx context.Context, s Streamer, root cid.Cid, lim *Limits, each func(cid.Cid, []byte) error) error {
	err := m.watch(ctx, lim, func() {}, func(ctx context.Context, report func(int)) error {
		return s.Stream(ctx, root, report, func(c cid.Cid, data []byte) error {
			m.bytes.Add(int64(len(data)))
			m.blocks.Add(1)
			m.held.Add(1)
			defer m.held.Add(-1)
			return each(c, data)
		})
	})
	return m.judge(ctx, err, 0, 0)
}

// errSilent and errSlow are why a question is given up.
var (
	errSilent = errors.New("it sent nothing")
	errSlow   = errors.New("it sent too little")
)

// watch runs a question, and ends it where the source is silent or too slow.
func (m *member) watch(ctx context.Context, lim *Limits, heard func(), ask func(context.Context, func(int)) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var got atomic.Int64
	report := func(n int) {
		got.Add(int64(n))
		m.heard.Store(time.Now().UnixNano())
		heard()
	}
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- ask(ctx, report) }()
	every := max(min(m.Patience(), lim.Grace)/8, time.Millisecond)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if cause := context.Cause(ctx); err != nil && (cause == errSilent || cause == errSlow) {
				return fmt.Errorf("%w for %s", cause, time.Since(began).Round(100*time.Millisecond))
			}
			return err
		case <-m.gone:
			cancel(context.Canceled)
			<-done
			return m.dropped
		case <-tick.C:
			now := time.Now()
			if m.held.Load() > 0 { // it is we who let it wait
				m.heard.Store(now.UnixNano())
				began = began.Add(every)
				continue
			}
			since := now.Sub(began)
			if silent := now.UnixNano() - m.heard.Load(); since > m.Patience() && time.Duration(silent) > m.Patience() {
				cancel(errSilent)
			}
			if n := got.Load(); n > 0 && since > lim.Grace && float64(n) < float64(lim.MinRate)*since.Seconds() {
				cancel(errSlow)
			}
		}
	}
}

// judge remembers how a question ended.
func (m *member) judge(ctx context.Context, err error, n int, took time.Duration) error {
	var hash *dag.HashError
	var limit *dag.LimitError
	switch {
	case err == nil:
		m.bytes.Add(int64(n))
		if n > 0 || took > 0 {
			m.blocks.Add(1)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.failed = 0
		if took > 0 {
			m.took = (3*m.took + took) / 4
		}
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &hash):
		return m.drop("it sent other bytes than were asked for", nil)
	case errors.As(err, &limit):
		return m.drop("it sent more than was asked for", nil)
	case errors.Is(err, errSilent), errors.Is(err, errSlow):
		return m.drop(err.Error(), nil)
	case errors.Is(err, fs.ErrNotExist):
		m.note(err)
		return err
	}
	if m.note(err) >= tries {
		return m.drop("it failed several times", err)
	}
	return err
}

// note remembers what the source said last, and says how often it failed in a row.
func (m *member) note(err error) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = err
	if !errors.Is(err, fs.ErrNotExist) {
		m.failed++
	}
	return m.failed
}
