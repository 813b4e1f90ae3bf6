package index

import (
	"context"
	"os"

	"ipp/store"
	"ipp/store/flock"
)

// update brings what is on disk up to date, as far as it can be written: where
// it can't, memory takes the rest. missing is what it lacks, as far as is known.
// The only errors are ctx's, and those say nothing of what was written: that is
// sealed.
func (x *Index) update(ctx context.Context, want map[store.Key]store.Stamp, missing []store.Key) error {
	lock, err := acquire(ctx, x.st, flock.Exclusive, x.opt.Wait)
	if err != nil {
		return ctx.Err()
	}
	defer lock.Release()
	dir := dirOf(x.st)
	if !x.roomForAll(missing, want) {
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
	err := l.addAll(ctx, x, x.missing(l, want), want, x.roomFor)
	if ctx.Err() != nil {
		err = nil // what was read in until then stays
	}
	if err == nil {
		err = l.settle(gone)
	}
	if closed := l.db.Close(); closed == nil && err == nil {
		seal(dirOf(x.st))
	}
	return ctx.Err()
}

// settle deletes the records that make numbers trees, and notes how much
// rubbish there is.
func (l *layer) settle(gone []uint32) error {
	batch := l.db.NewWriteBatch()
	defer batch.Cancel()
	if err := batch.Set([]byte{keyDead}, appendFields(nil, l.dead)); err != nil {
		return err
	}
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
func (x *Index) roomForAll(missing []store.Key, want map[store.Key]store.Stamp) bool {
	need := spare + diskUse(dirOf(x.st))
	for _, k := range missing {
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
