package index

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"ipp/store"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

var errEnough = errors.New("enough")

// spots calls each for every place of a block in trees that are there, those
// on disk first. errEnough from each ends it.
func (x *Index) spots(ctx context.Context, c cid.Cid, each func(*layer, spot) error) error {
	for _, l := range x.layers() {
		err := l.scan(hashKey(keyBlock, c), true, func(key, value []byte) (skip bool, err error) {
			if err := ctx.Err(); err != nil {
				return false, err
			}
			s, err := decodeSpot(key, value)
			if err != nil {
				return false, err
			}
			if !x.here(l, s.tree) {
				return true, nil
			}
			return false, each(l, s)
		})
		if err == errEnough {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look up block %s: %w", c, err)
		}
	}
	return nil
}

// here says whether a layer's tree is one that counts, and still in the store.
func (x *Index) here(l *layer, n uint32) bool {
	t, ok := l.trees[n]
	return ok && x.st.Has(t.key)
}

// place is where a spot lies in its tree.
func (l *layer) place(s spot) (store.Place, error) {
	if s.how == inline {
		return store.Place{}, nil
	}
	path, err := l.path(s.tree, s.file)
	return store.Place{Path: path, Offset: int64(s.offset), Size: int64(s.size)}, err
}

// Block implements dag.Blocks for every block of the store, whatever package it
// belongs to. It is rehashed; one whose file was damaged is looked for in every
// other place that has it.
//
// The error Is fs.ErrNotExist where no tree that can be read has it, and a
// *store.DamagedError where its bytes are damaged, or a tree can't be read that
// might have it: that one is both.
func (x *Index) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	if _, ok := dag.Inline(c); ok {
		return dag.Get(ctx, nil, c)
	}
	var data []byte
	var bad error
	err := x.spots(ctx, c, func(l *layer, s spot) error {
		at, err := l.place(s)
		if err != nil {
			return err
		}
		got, err := x.st.ReadPlace(ctx, l.trees[s.tree].key, s.cid(c.Hash()), at)
		if err == nil {
			data = got
			return errEnough
		}
		if !errors.Is(err, fs.ErrNotExist) {
			bad = err
		}
		return nil
	})
	if err != nil || data != nil {
		return data, err
	}
	return nil, x.absent(c, bad)
}

// Size is the size of a block that is there, without reading it: its errors
// are Block's, but what lies there is not hashed.
func (x *Index) Size(ctx context.Context, c cid.Cid) (int64, error) {
	if data, ok := dag.Inline(c); ok {
		return int64(len(data)), nil
	}
	size := int64(-1)
	var bad error
	err := x.spots(ctx, c, func(l *layer, s spot) error {
		at, err := l.place(s)
		if err != nil {
			return err
		}
		k := l.trees[s.tree].key
		if !x.st.HasPlace(k, at) {
			bad = &store.DamagedError{Key: k, Err: fmt.Errorf("block %s is gone", c)}
			return nil
		}
		size = int64(s.block)
		return errEnough
	})
	if err != nil || size >= 0 {
		return size, err
	}
	return 0, x.absent(c, bad)
}

// absent is the error for a block that can't be had.
func (x *Index) absent(c cid.Cid, bad error) error {
	if bad != nil {
		return fmt.Errorf("block %s: %w", c, bad)
	}
	missing := fmt.Errorf("block %s: not in the store: %w", c, fs.ErrNotExist)
	for _, u := range x.Unread() {
		if damaged, ok := errors.AsType[*store.DamagedError](u.Err); ok {
			return fmt.Errorf("%w (or in what can't be read: %w)", missing, damaged)
		}
	}
	return missing
}

// Holders lists the trees that hold a block, sorted.
func (x *Index) Holders(c cid.Cid) ([]store.Key, error) {
	var keys []store.Key
	for _, l := range x.layers() {
		err := l.scan(hashKey(keyBlock, c), false, func(key, _ []byte) (skip bool, err error) {
			if len(key) < numberSize {
				return false, errRecord
			}
			if n := binary.BigEndian.Uint32(key); x.here(l, n) {
				keys = append(keys, l.trees[n].key)
			}
			return true, nil
		})
		if err != nil {
			return nil, fmt.Errorf("look up block %s: %w", c, err)
		}
	}
	sortKeys(keys)
	return keys, nil
}

// Spot is where in a tree a block stands.
type Spot struct {
	Key  store.Key
	Path string // of the file that it is a part of, or of what it is the root block of; "": of neither
}

// Spots lists where a block stands, sorted, at most limit of them.
func (x *Index) Spots(c cid.Cid, limit int) ([]Spot, error) {
	var list []Spot
	err := x.spots(context.Background(), c, func(l *layer, s spot) error {
		path, err := l.path(s.tree, max(s.file, uint32(s.entry)))
		if at := (Spot{l.trees[s.tree].key, path}); err == nil && !slices.Contains(list, at) {
			list = append(list, at)
		}
		if err == nil && len(list) >= limit {
			err = errEnough
		}
		return err
	})
	slices.SortFunc(list, func(a, b Spot) int {
		return cmp.Or(cmp.Compare(a.Key.String(), b.Key.String()), cmp.Compare(a.Path, b.Path))
	})
	return list, err
}

// Parents lists the blocks that refer to a block, which itself need not be
// here, sorted.
func (x *Index) Parents(c cid.Cid) ([]cid.Cid, error) {
	found := map[cid.Cid]bool{}
	for _, l := range x.layers() {
		err := l.scan(hashKey(keyParent, c), false, func(key, _ []byte) (skip bool, err error) {
			if len(key) != 2*numberSize {
				return false, errRecord
			}
			n := binary.BigEndian.Uint32(key)
			if !x.here(l, n) {
				return true, nil
			}
			parent, err := l.node(n, binary.BigEndian.Uint32(key[numberSize:]))
			found[parent] = true
			return false, err
		})
		if err != nil {
			return nil, fmt.Errorf("look up block %s: %w", c, err)
		}
	}
	list := make([]cid.Cid, 0, len(found))
	for p := range found {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b cid.Cid) int { return cmp.Compare(a.KeyString(), b.KeyString()) })
	return list, nil
}

// Search calls each for every word that begins with prefix and each tree that
// it finds, in the order of words, then trees. An error of each ends it.
func (x *Index) Search(prefix string, each func(word string, k store.Key) error) error {
	type hit struct {
		word string
		key  store.Key
		name string
	}
	if strings.Contains(prefix, "\x00") {
		return nil // no word does
	}
	var hits []hit
	here := map[store.Key]bool{}
	for _, l := range x.layers() {
		err := l.scan(wordKey(prefix), false, func(key, _ []byte) (skip bool, err error) {
			at := len(key) - numberSize - 1
			if at < 0 || key[at] != 0 {
				return false, errRecord
			}
			t, ok := l.trees[binary.BigEndian.Uint32(key[at+1:])]
			if !ok {
				return false, nil
			}
			if _, asked := here[t.key]; !asked {
				here[t.key] = x.st.Has(t.key)
			}
			if here[t.key] {
				hits = append(hits, hit{prefix + string(key[:at]), t.key, t.key.String()})
			}
			return false, nil
		})
		if err != nil {
			return fmt.Errorf("search %q: %w", prefix, err)
		}
	}
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.word, b.word), cmp.Compare(a.name, b.name))
	})
	for _, h := range hits {
		if err := each(h.word, h.key); err != nil {
			return err
		}
	}
	return nil
}

// Data hands back what Describe told of a tree; nil where it failed, and where
// the tree is not there.
func (x *Index) Data(k store.Key) ([]byte, error) {
	for _, l := range x.layers() {
		if n, ok := l.known[k]; ok && x.st.Has(k) {
			data, _, err := l.get(keyOf(keyData, n))
			return data, err
		}
	}
	return nil, nil
}

// Trees lists the trees that the index knows and the store still has, sorted.
func (x *Index) Trees() []store.Key {
	var keys []store.Key
	for _, l := range x.layers() {
		for k := range l.known {
			if x.st.Has(k) {
				keys = append(keys, k)
			}
		}
	}
	sortKeys(keys)
	return keys
}

// Unread is a tree that is in the store and can't be read.
type Unread struct {
	Key store.Key
	Err error
}

// Unread lists the trees that no answer speaks of, because they can't be read,
// sorted.
func (x *Index) Unread() []Unread {
	var keys []store.Key
	for k := range x.unread {
		if x.st.Has(k) {
			keys = append(keys, k)
		}
	}
	sortKeys(keys)
	list := make([]Unread, len(keys))
	for i, k := range keys {
		list[i] = Unread{k, x.unread[k]}
	}
	return list
}
