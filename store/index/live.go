package index

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"ipp/store"

	"github.com/ipfs/go-cid"
)

// How often a Live looks whether the store's trees changed, and how long after
// the last question it lets go of the index.
const (
	lookEvery = 250 * time.Millisecond
	letGoIn   = 2 * time.Second
)

// Live is an Index for who answers for days: it follows the store's trees, and
// holds the index only while it is asked, so that others can write it. It is
// safe for concurrent use. Close it.
type Live struct {
	st  *store.Store
	opt Options

	mu   sync.RWMutex // held shared by who asks x, exclusively to open and close it
	x    *Index       // nil: not open
	shut bool         // for good
	seen time.Time    // trees' time when x was opened
	at   time.Time    // when that was

	asked struct {
		sync.Mutex
		last time.Time
	}
	stop chan struct{}
	done chan struct{}
}

// OpenLive opens the index, brings it up to date, and follows the store.
func OpenLive(ctx context.Context, st *store.Store, opt Options) (*Live, error) {
	l := &Live{st: st, opt: opt, stop: make(chan struct{}), done: make(chan struct{})}
	if err := l.refresh(ctx); err != nil {
		return nil, err
	}
	go l.follow()
	return l, nil
}

// Close lets go of the index; questions that are being answered come first.
func (l *Live) Close() error {
	close(l.stop)
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shut = true
	return l.let()
}

// Use runs f with the index as it is now. f must not keep it,
// nor ask l for more.
func (l *Live) Use(ctx context.Context, f func(*Index) error) error {
	l.asked.Lock()
	l.asked.last = time.Now()
	l.asked.Unlock()
	for {
		l.mu.RLock()
		if l.x != nil {
			defer l.mu.RUnlock()
			return f(l.x)
		}
		l.mu.RUnlock()
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.refresh(ctx); err != nil {
			return err
		}
	}
}

// Block is Index.Block.
func (l *Live) Block(ctx context.Context, c cid.Cid) (data []byte, err error) {
	err = l.Use(ctx, func(x *Index) error {
		data, err = x.Block(ctx, c)
		return err
	})
	return data, err
}

// Size is Index.Size.
func (l *Live) Size(ctx context.Context, c cid.Cid) (size int64, err error) {
	err = l.Use(ctx, func(x *Index) error {
		size, err = x.Size(ctx, c)
		return err
	})
	return size, err
}

// refresh opens the index where it is not open, or where trees changed since.
func (l *Live) refresh(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shut {
		return fs.ErrClosed
	}
	seen, now := l.treesTime(), time.Now()
	if l.x != nil && seen.Equal(l.seen) && !l.racy() {
		return nil
	}
	if err := l.let(); err != nil {
		return err
	}
	x, err := Open(ctx, l.st, l.opt)
	if err != nil {
		return err
	}
	l.x, l.seen, l.at = x, seen, now
	return nil
}

// racy says that the trees may have changed after they were listed without their
// time telling it: a file system's clock ticks a hundred times a second, or once
// in two.
func (l *Live) racy() bool {
	age := l.at.Sub(l.seen)
	return age >= 0 && age < 3*time.Second && time.Since(l.at) > lookEvery/2
}

func (l *Live) treesTime() time.Time {
	fi, err := os.Stat(filepath.Join(l.st.Dir(), "trees"))
	if err != nil {
		return time.Time{}
	}
	return fi.ModTime()
}

// let closes the index.
func (l *Live) let() error {
	if l.x == nil {
		return nil
	}
	x := l.x
	l.x = nil
	return x.Close()
}

// follow keeps the index up to date while it is asked, and when trees changed;
// then others find it as they need it.
func (l *Live) follow() {
	defer close(l.done)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		<-l.stop
		cancel()
	}()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
			l.look(ctx)
		}
	}
}

func (l *Live) look(ctx context.Context) {
	l.mu.RLock()
	open, changed := l.x != nil, !l.treesTime().Equal(l.seen) || l.racy()
	l.mu.RUnlock()
	if changed {
		_ = l.refresh(ctx) // who asks next hears it
		return
	}
	l.asked.Lock()
	idle := time.Since(l.asked.last) > letGoIn
	l.asked.Unlock()
	if open && idle {
		l.mu.Lock()
		defer l.mu.Unlock()
		_ = l.let() // it was open for reading
	}
}
