// Package index answers sooner what the files of a store could tell too: where
// a block's bytes lie, which blocks refer to it, and which packages a word
// finds.
//
// It is a cache, and never the truth. It holds facts about trees, which are
// immutable, so it is brought up to date by comparing its list of trees with
// the store's: what is new is read in, what is gone is taken out. It holds no
// contents: a block is read out of the file or the .car where it lies, and
// rehashed before it leaves.
//
// On disk, below the store's directory:
//
//	index/         Badger, closed and unchanged while seal stands (records.go)
//	index/seal     format, and name, size and checksum of each of its files
//	index.mutex    shared by readers, exclusive for who brings it up to date
//
// Invariants.
//
//   - Badger never opens files that are not as they were closed: the seal goes
//     before the first write and comes back after the last. Without a seal, or
//     with one that does not match, the index is made anew. So no flipped bit
//     and no short file reaches code that would panic on it.
//   - Nothing that changes a profile, and no gc, opens it or depends on it.
//   - What can't be written (no space, no right, somebody holds it) is made in
//     memory, beside what is on disk: the same answers, only later.
//   - What it says of a tree that has gone is dropped from every answer.
//   - Nothing of it is fsynced: what a power cut tears, the seal tells.
//
// Concurrency: an Index is safe for concurrent use; several processes may have
// one open for reading, one at a time writes it.
package index

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"ipp/store"
	"ipp/store/flock"
)

// Facts are what whoever opens the index wants to find again of a tree. They
// are opaque here.
type Facts struct {
	Words []string // that find the tree: of at most MaxWord bytes, without NUL; others are left out
	Data  []byte   // handed back as it is; at most MaxData bytes, else the tree has none
}

// Limits of Facts.
const (
	MaxWord = 255
	MaxData = 64 << 10
)

// Options of an Index.
type Options struct {
	// Wait: with NoWait whoever holds the index is not waited for at all; without,
	// for half a second. Then what is missing is made in memory.
	Wait flock.Policy
	// Describe tells the facts of a tree that the index does not know yet. It
	// must follow from the tree alone. An error leaves the tree without facts, but
	// that of a file that is there and can't be read leaves it out, see Unread.
	Describe func(ctx context.Context, k store.Key) (Facts, error)
	// Version says which Describe it is, from 1: facts of another one are made anew.
	Version int
	// Report, if set, is told of trees read in, of all that are new.
	Report func(done, total int)
}

// patience is how long an open index is waited for. Who writes it is done
// sooner, mostly; who reads it may take days.
const patience = 500 * time.Millisecond

// Index is an open index, up to date when it was opened.
type Index struct {
	st     *store.Store
	opt    Options
	lock   *flock.Lock // shared, with disk
	disk   *layer      // nil: none that can be used
	memory *layer      // nil: nothing had to be made in memory
	unread map[store.Key]error
	room   func(dir string) (bytes, files int64, ok bool)
}

// Open opens the store's index and brings it up to date. Close it.
//
// A tree that can't be read is left out (see Unread), and tried again by the
// next Open. An error says that the store itself can't be listed, or that ctx
// ended; what was read until then is kept.
func Open(ctx context.Context, st *store.Store, opt Options) (*Index, error) {
	return openWith(ctx, st, opt, store.Room)
}

func openWith(ctx context.Context, st *store.Store, opt Options, room func(string) (bytes, files int64, ok bool)) (*Index, error) {
	x := &Index{st: st, opt: opt, unread: map[store.Key]error{}, room: room}
	if err := x.open(ctx); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

func (x *Index) open(ctx context.Context) error {
	want, err := x.stamps()
	if err != nil {
		return err
	}
	x.openDisk(ctx, want)
	missing := x.missing(x.disk, want)
	if x.disk != nil && x.disk.rubbish() {
		missing = x.missing(nil, want)
	}
	if len(missing) > 0 {
		x.closeDisk()
		if err := x.update(ctx, want, missing); err != nil {
			return err
		}
		x.openDisk(ctx, want)
	}
	if missing = x.missing(x.disk, want); len(missing) > 0 {
		if x.memory, err = openLayer(""); err != nil {
			return err
		}
		return x.memory.addAll(ctx, x, missing, want, nil)
	}
	return ctx.Err()
}

// stamps lists the store's trees. One whose stamp can't be read can't be read
// at all.
func (x *Index) stamps() (map[store.Key]store.Stamp, error) {
	keys, err := x.st.Trees()
	if err != nil {
		return nil, err
	}
	want := make(map[store.Key]store.Stamp, len(keys))
	for _, k := range keys {
		s, err := x.st.Stamp(k)
		if err != nil {
			x.cantRead(k, err)
			continue
		}
		want[k] = s
	}
	return want, nil
}

// cantRead notes a tree that is there and can't be read.
func (x *Index) cantRead(k store.Key, err error) {
	if x.st.Has(k) {
		x.unread[k] = err
	}
}

func (x *Index) layers() []*layer {
	var all []*layer
	for _, l := range []*layer{x.disk, x.memory} {
		if l != nil {
			all = append(all, l)
		}
	}
	return all
}

// Close closes it.
func (x *Index) Close() error {
	x.closeDisk()
	if x.memory == nil {
		return nil
	}
	err := x.memory.db.Close()
	x.memory = nil
	return err
}

// openDisk opens what is on disk for reading, if it can be used.
func (x *Index) openDisk(ctx context.Context, want map[store.Key]store.Stamp) {
	if _, err := os.Lstat(filepath.Join(dirOf(x.st), sealName)); err != nil {
		return // nothing is written where nothing can be read
	}
	lock, err := acquire(ctx, x.st, flock.Shared, x.opt.Wait)
	if err != nil {
		return
	}
	if l := openSealed(dirOf(x.st)); l != nil {
		x.disk, x.lock = l, lock
		l.keep(want, x.opt)
		return
	}
	_ = lock.Release() // it is closed whatever it says
}

// openSealed opens what is on disk for reading; nil where it is not as it was
// sealed.
func openSealed(dir string) *layer {
	if !sealed(dir) {
		return nil
	}
	l, err := openLayer(dir, readOnly)
	if err != nil {
		return nil
	}
	return l
}

// closeDisk has nothing to report: it was open for reading.
func (x *Index) closeDisk() {
	if x.disk == nil {
		return
	}
	_ = x.disk.db.Close()
	_ = x.lock.Release()
	x.disk, x.lock = nil, nil
}

// missing lists the trees that can be read and that l, which may be nil, does
// not know, sorted.
func (x *Index) missing(l *layer, want map[store.Key]store.Stamp) []store.Key {
	var list []store.Key
	for k := range want {
		if _, ok := x.unread[k]; !ok && (l == nil || !l.knows(k, x.opt)) {
			list = append(list, k)
		}
	}
	sortKeys(list)
	return list
}

func dirOf(st *store.Store) string     { return filepath.Join(st.Dir(), "index") }
func mutexPath(st *store.Store) string { return dirOf(st) + ".mutex" }

// acquire takes the index's mutex, or gives up soon.
func acquire(ctx context.Context, st *store.Store, mode flock.Mode, wait flock.Policy) (*flock.Lock, error) {
	if fi, err := os.Lstat(mutexPath(st)); err == nil && !fi.Mode().IsRegular() {
		return nil, &os.PathError{Op: "lock", Path: mutexPath(st), Err: errors.New("not a regular file")}
	}
	// Not flock's own waiting: that would take the lock some time after this gave
	// up, if only for a moment.
	for end := time.Now().Add(patience); ; {
		lock, err := flock.Acquire(ctx, mutexPath(st), mode, "index", flock.Policy{NoWait: true})
		if !errors.As(err, new(*flock.BusyError)) || wait.NoWait || !time.Now().Before(end) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(patience / 50):
		}
	}
}

// Remove removes the index; the next Open makes it anew.
func Remove(ctx context.Context, st *store.Store, wait flock.Policy) error {
	lock, err := flock.Acquire(ctx, mutexPath(st), flock.Exclusive, "index", wait)
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(dirOf(st)), lock.Release())
}
