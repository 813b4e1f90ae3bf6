package index

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"ipp/store"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/ipfs/go-cid"
)

// layer is one Badger: the one on disk, or one in memory beside it.
type layer struct {
	db    *badger.DB
	opt   badger.Options
	trees map[uint32]treeRecord
	known map[store.Key]uint32
	next  uint32
	dead  uint64 // records of trees that have gone
	live  uint64
}

// tuned is Badger as measured: no cache, no compression, no log. Its tables are
// small, because three of them are in memory while it is written, and are left
// in peace until there are many: a search opens all the same in milliseconds.
func tuned(dir string) badger.Options {
	o := badger.DefaultOptions(dir).WithLogger(nil)
	o.MemTableSize, o.BaseTableSize = 2<<20, 2<<20
	o.ValueLogFileSize = 16 << 20
	o.ValueThreshold = 4 * MaxData // no value is beside the keys' tables
	o.NumCompactors, o.NumMemtables = 2, 1
	o.NumLevelZeroTables, o.NumLevelZeroTablesStall = 20, 40
	o.BlockCacheSize = 0
	o.Compression = options.None
	o.MetricsEnabled, o.DetectConflicts = false, false
	return o
}

func readOnly(o badger.Options) badger.Options { return o.WithReadOnly(true) }

// openLayer opens the Badger in dir; "" makes one in memory.
func openLayer(dir string, with ...func(badger.Options) badger.Options) (*layer, error) {
	o := tuned(dir).WithInMemory(dir == "")
	for _, w := range with {
		o = w(o)
	}
	db, err := badger.Open(o)
	if err != nil {
		return nil, err
	}
	l := &layer{db: db, opt: o, trees: map[uint32]treeRecord{}, known: map[store.Key]uint32{}}
	if err := l.load(); err != nil {
		_ = db.Close() // nothing was written
		return nil, err
	}
	return l, nil
}

// load reads the list of trees.
func (l *layer) load() error {
	next, dead := uint64(1), uint64(0)
	for key, n := range map[byte]*uint64{keyNext: &next, keyDead: &dead} {
		v, ok, err := l.get([]byte{key})
		if ok {
			_, err = fields(v, n)
		}
		if err != nil {
			return err
		}
	}
	l.next, l.dead = uint32(next), dead
	return l.scan([]byte{keyTree}, true, func(k, v []byte) (skip bool, err error) {
		if len(k) != numberSize {
			return false, errRecord
		}
		t, err := decodeTree(v)
		if err == nil {
			l.note(binary.BigEndian.Uint32(k), t)
		}
		return false, err
	})
}

func (l *layer) note(n uint32, t treeRecord) {
	l.trees[n], l.known[t.key] = t, n
	l.live += t.records
}

// forget drops a tree from every answer; its records stay until the index is
// made anew.
func (l *layer) forget(n uint32) {
	t := l.trees[n]
	delete(l.trees, n)
	if l.known[t.key] == n {
		delete(l.known, t.key)
	}
	l.live -= t.records
	l.dead += t.records
}

// keep forgets the trees that are not wanted as they are known, and says which.
func (l *layer) keep(want map[store.Key]store.Stamp, opt Options) (gone []uint32) {
	for n, t := range l.trees {
		if s, ok := want[t.key]; !ok || s != t.stamp || !l.knows(t.key, opt) {
			gone = append(gone, n)
		}
	}
	for _, n := range gone {
		l.forget(n)
	}
	return gone
}

// knows says whether a tree is known, with the facts that are asked for.
func (l *layer) knows(k store.Key, opt Options) bool {
	n, ok := l.known[k]
	return ok && (opt.Describe == nil || l.trees[n].facts == uint64(opt.Version))
}

// scan calls each for the records whose keys begin with prefix, in order; key
// is what follows the prefix. Where each says skip, the records of that tree,
// whose number stands at the head of key, are passed over. key and value are
// valid only during the call.
func (l *layer) scan(prefix []byte, values bool, each func(key, value []byte) (skip bool, err error)) error {
	return l.db.View(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix, o.PrefetchValues = prefix, false
		it := txn.NewIterator(o)
		defer it.Close()
		for it.Rewind(); it.Valid(); {
			key := it.Item().Key()[len(prefix):]
			var value []byte
			var err error
			if values {
				if value, err = it.Item().ValueCopy(nil); err != nil {
					return err
				}
			}
			skip, err := each(key, value)
			switch {
			case err != nil:
				return err
			case skip && len(key) >= numberSize:
				n := binary.BigEndian.Uint32(key)
				it.Seek(binary.BigEndian.AppendUint32(slices.Clone(prefix), n+1))
			default:
				it.Next()
			}
		}
		return nil
	})
}

// get reads one record, if there is one.
func (l *layer) get(key []byte) (value []byte, ok bool, err error) {
	err = l.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(key)
		if err == badger.ErrKeyNotFound {
			return nil
		}
		if err == nil {
			ok = true
			value, err = item.ValueCopy(nil)
		}
		return err
	})
	return value, ok, err
}

// path is the path with a number in a tree; 0 is none.
func (l *layer) path(tree, file uint32) (string, error) {
	if file == 0 {
		return "", nil
	}
	p, ok, err := l.get(keyOf(keyFile, tree, file))
	if err == nil && !ok {
		err = errRecord
	}
	return string(p), err
}

// node is the CID of a node with a number in a tree.
func (l *layer) node(tree, node uint32) (cid.Cid, error) {
	v, _, err := l.get(keyOf(keyNode, tree, node))
	if err != nil {
		return cid.Undef, err
	}
	c, err := cid.Cast(v)
	if err != nil {
		return cid.Undef, errRecord
	}
	return c, nil
}

// addAll reads trees in, and puts them into the layer. room, if set, is asked
// before each whether there is space for it; false ends it. Trees that can't be
// read are noted in x.
func (l *layer) addAll(ctx context.Context, x *Index, keys []store.Key, want map[store.Key]store.Stamp, room func(store.Stamp) bool) error {
	w := newWriter(l)
	err := l.addEach(ctx, x, w, keys, want, room)
	if flushed := w.flush(); flushed != nil {
		return flushed // the database's own trouble comes first
	}
	return err
}

func (l *layer) addEach(ctx context.Context, x *Index, w *writer, keys []store.Key, want map[store.Key]store.Stamp, room func(store.Stamp) bool) error {
	for i, k := range keys {
		if room != nil && !room(want[k]) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.add(ctx, x, w, k, want[k]); err != nil {
			return err
		}
		if x.opt.Report != nil {
			x.opt.Report(i+1, len(keys))
		}
	}
	return nil
}

// add reads one tree in. Its own record comes last: without it the others mean
// nothing.
func (l *layer) add(ctx context.Context, x *Index, w *writer, k store.Key, s store.Stamp) error {
	r := &recorder{tree: l.next, put: w.set}
	l.next++
	if err := w.set([]byte{keyNext}, appendFields(nil, uint64(l.next))); err != nil {
		return err
	}
	err := x.read(ctx, r, k)
	switch {
	case w.broken != nil: // not the tree
		return w.broken
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		l.dead += r.records
		x.cantRead(k, err)
		return nil
	}
	t := treeRecord{key: k, stamp: s, records: r.records}
	if x.opt.Describe != nil {
		t.facts = uint64(x.opt.Version)
	}
	if err := w.set(keyOf(keyTree, r.tree), t.encode()); err != nil {
		return err
	}
	l.note(r.tree, t)
	return nil
}

// read records a tree's blocks and facts.
func (x *Index) read(ctx context.Context, r *recorder, k store.Key) error {
	if err := x.st.EachBlock(ctx, k, r.block); err != nil || x.opt.Describe == nil {
		return err
	}
	f, ok, err := x.describe(ctx, k)
	if err == nil && ctx.Err() == nil && ok {
		err = r.facts(f)
	}
	return err
}

// describe asks for the facts of a tree; false where it has none for good. An
// error says that it could not be read this time.
func (x *Index) describe(ctx context.Context, k store.Key) (f Facts, ok bool, err error) {
	f, err = x.opt.Describe(ctx, k)
	var failed *fs.PathError
	if errors.As(err, &failed) && !errors.Is(err, fs.ErrNotExist) {
		return f, false, err
	}
	return f, err == nil && len(f.Data) <= MaxData, nil
}

func sortKeys(keys []store.Key) {
	slices.SortFunc(keys, func(a, b store.Key) int { return strings.Compare(a.String(), b.String()) })
}
