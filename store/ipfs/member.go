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
	failing time.Time     // the last of these
	last    error
	dropped error
	gone    chan struct{} // closed when it is dropped
	close   func() error  // once
}

func newMember(s Source) *member {
	return &member{Source: s, slots: make(chan struct{}, s.Width()), gone: make(chan struct{}), close: sync.OnceValue(s.Close)}
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

// drop ends all that is asked of the source, and what it holds.
func (m *member) drop(why string, err error) error {
	m.mu.Lock()
	first := m.dropped == nil
	if first {
		m.dropped = &DroppedError{Why: why, Err: err}
		close(m.gone)
	}
	err = m.dropped
	m.mu.Unlock()
	if first {
		_ = m.close() // it was of no use
	}
	return err
}

// wait is how long the source would take for one more block, as far as is known;
// of one that was never asked, nothing.
func (m *member) wait() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.took + m.took*time.Duration(m.busy.Load())/time.Duration(m.Width())
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
	err := m.watch(ctx, lim, heard, nil, func(ctx context.Context, report func(int)) (err error) {
		data, err = m.Block(ctx, c, report)
		return err
	})
	if err == nil {
		err = dag.Verify(c, data)
	}
	if err != nil {
		return nil, m.judge(ctx, err, began)
	}
	m.good(len(data), time.Since(began))
	return data, nil
}

// stream asks for all blocks below root. Where others says that somebody else could
// be asked, it has to be worth its name.
func (m *member) stream(ctx context.Context, s Streamer, root cid.Cid, lim *Limits, others func() bool, each func(cid.Cid, []byte) error) error {
	began := time.Now()
	err := m.watch(ctx, lim, func() {}, others, func(ctx context.Context, report func(int)) error {
		return s.Stream(ctx, root, report, func(c cid.Cid, data []byte) error {
			m.bytes.Add(int64(len(data)))
			m.blocks.Add(1)
			m.held.Add(1)
			defer m.held.Add(-1)
			return each(c, data)
		})
	})
	if err != nil {
		return m.judge(ctx, err, began)
	}
	return nil
}

// Why a question is given up.
var (
	errSilent = errors.New("it sent nothing")
	errSlow   = errors.New("it sent too little")
	errLeft   = errors.New("others send more than this stream")
)

// watch runs a question, and ends it where the source is silent or too slow; a
// stream, for which others is given, also where it is not as quick as one should be
// and somebody else can be asked.
func (m *member) watch(ctx context.Context, lim *Limits, heard func(), others func() bool, ask func(context.Context, func(int)) error) error {
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
			if cause := context.Cause(ctx); err != nil && (cause == errSilent || cause == errSlow || cause == errLeft) {
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
			rate := int64(float64(got.Load()) / since.Seconds())
			switch {
			case since <= lim.Grace || got.Load() == 0:
			case rate < lim.MinRate:
				cancel(errSlow)
			case others != nil && rate < lim.StreamRate && others():
				cancel(errLeft)
			}
		}
	}
}

// good remembers a block that came.
func (m *member) good(n int, took time.Duration) {
	m.bytes.Add(int64(n))
	m.blocks.Add(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failed = 0
	m.took = (3*m.took + took) / 4
}

// judge remembers how a question ended that has an error.
func (m *member) judge(ctx context.Context, err error, began time.Time) error {
	var hash *dag.HashError
	var limit *dag.LimitError
	switch {
	case ctx.Err() != nil:
		if context.Cause(ctx) == errLost {
			m.lost(time.Since(began))
		}
		return ctx.Err()
	case errors.As(err, &hash), errors.Is(err, ErrOther):
		return m.drop("it sent other bytes than were asked for", nil)
	case errors.As(err, &limit):
		return m.drop("it sent more than was asked for", nil)
	case errors.Is(err, errSilent), errors.Is(err, errSlow):
		return m.drop(err.Error(), nil)
	case errors.Is(err, fs.ErrNotExist):
		m.note(err)
		return err
	case errors.Is(err, errLeft):
		return err
	}
	if m.fail(err, began) >= tries {
		return m.drop("it failed several times", err)
	}
	return err
}

// errLost ends a question that somebody else answered.
var errLost = errors.New("another source was quicker")

// lost remembers that the source would have taken longer than this.
func (m *member) lost(took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.took = max(m.took, took)
}

// note remembers what the source said last.
func (m *member) note(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = err
}

// fail remembers that it failed, and says how often it did in a row. What began
// before the last time counts with it: many questions may end with one connection.
func (m *member) fail(err error, began time.Time) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = err
	if began.After(m.failing) {
		m.failed, m.failing = m.failed+1, time.Now()
	}
	return m.failed
}
