package index

import "github.com/dgraph-io/badger/v4"

// bound is how many records are written or read before Badger is closed and
// opened again.
const bound = 100_000

// letGo closes Badger and opens it again: its tables are mapped, and what was
// touched of them counts as memory of this process until they are closed.
func (l *layer) letGo() error {
	if l.opt.InMemory {
		return nil
	}
	if err := l.db.Close(); err != nil {
		return err
	}
	db, err := badger.Open(l.opt)
	if err == nil {
		l.db = db
	}
	return err
}

// writer puts records into a layer, in batches. Flush it at the end.
type writer struct {
	l       *layer
	batch   *badger.WriteBatch
	written int   // since the tables were let go
	broken  error // what the database said first; nothing is written after it
}

func newWriter(l *layer) *writer { return &writer{l: l, batch: l.db.NewWriteBatch()} }

func (w *writer) set(key, value []byte) error {
	if w.broken == nil && w.written >= bound {
		w.again()
	}
	if w.broken == nil {
		w.broken = w.batch.Set(key, value)
		w.written++
	}
	return w.broken
}

func (w *writer) again() {
	if w.broken = w.flush(); w.broken == nil {
		w.broken = w.l.letGo()
	}
	if w.broken == nil {
		w.batch, w.written = w.l.db.NewWriteBatch(), 0
	}
}

// flush puts what is still in hand into the database.
func (w *writer) flush() error {
	defer w.batch.Cancel()
	if w.broken == nil {
		w.broken = w.batch.Flush()
	}
	return w.broken
}
