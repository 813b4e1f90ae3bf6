package index

import (
	"context"
	"errors"
	"os"

	"ipp/store"
	"ipp/store/flock"
)

// update brings what is on disk up to date, as far as it can be written: where
// it can't, memory takes the rest. The only errors are ctx's, and those say
// nothing of what was written: that is sealed.
func (x *Index) update(ctx context.Context, want map[store.Key]store.Stamp) error {
	lock, err := acquire(ctx, x.st, flock.Exclusive, x.opt.Wait)
	if err != nil {
		return ctx.Err()
	}
	defer lock.Release()
	dir := dirOf(x.st)
	if !x.roomForAll(want) {
		return nil
	}
	if l := unseal(dir); l != nil {
		gone := l.keep(want, x.opt)
		if !l.rubbish() {
			return x.write(ctx, l, gone, want)
		}
		_ = l.db.Close() // all of it goes
	}
	if os.RemoveAll(dir) != nil || os.Mkdir(dir, 0o755) != nil {
		return nil
	}
	l, err := openLayer(dir)
	if err != nil {
		return nil
	}
	return x.write(ctx, l, nil, want)
}

// unseal opens what is on disk for writing; nil where it is not as it was
// sealed, or can't be written.
func unseal(dir string) *layer {
	if !sealed(dir) || os.Remove(sealPath(dir)) != nil {
		return nil
	}
	l, err := openLayer(dir)
	if err != nil {
		return nil
	}
	return l
}

// write reads in what is missing, forgets what is gone, and seals the index.
// What went wrong is left without a seal, so it is made anew the next time.
func (x *Index) write(ctx context.Context, l *layer, gone []uint32, want map[store.Key]store.Stamp) error {
	err := l.drop(gone)
	if err == nil {
		err = l.addAll(ctx, x, x.missing(l, want), want, x.roomFor)
	}
	closed := l.db.Close()
	if closed == nil && (err == nil || ctx.Err() != nil) {
		seal(dirOf(x.st))
	}
	return ctx.Err()
}

// drop deletes the records that make numbers trees.
func (l *layer) drop(gone []uint32) error {
	batch := l.db.NewWriteBatch()
	defer batch.Cancel()
	for _, n := range gone {
		if err := batch.Delete(keyOf(keyTree, n)); err != nil {
			return err
		}
	}
	return batch.Flush()
}

// rubbish says that more than half of the records belong to trees that have
// gone; a few are left alone.
func (l *layer) rubbish() bool { return l.dead > l.live+10_000 }

// spare is what Badger may need beyond its records: tables in memory that are
// files too, logs, what a compaction copies. A disk that is full kills it by a
// signal, so this is generous.
const spare = 64 << 20

// spareFiles is how many files Badger may make.
const spareFiles = 100

// perByte is how many bytes a byte of .car may become.
const perByte = 8

// roomForAll says whether there is space to write what is missing.
func (x *Index) roomForAll(want map[store.Key]store.Stamp) bool {
	need := spare + diskUse(dirOf(x.st))
	for _, k := range x.missing(nil, want) {
		need += perByte * want[k].Size
	}
	return x.free(need)
}

// roomFor says whether there is space to go on with one tree.
func (x *Index) roomFor(s store.Stamp) bool { return x.free(spare + perByte*s.Size) }

func (x *Index) free(need int64) bool {
	bytes, files, ok := x.room(x.st.Dir())
	return !ok || bytes >= need && files >= spareFiles
}

func diskUse(dir string) (bytes int64) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, n := range names {
		if fi, err := n.Info(); err == nil {
			bytes += fi.Size()
		}
	}
	return bytes
}

var errNotRegular = errors.New("not a regular file")
