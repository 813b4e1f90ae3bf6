package dag

import (
	"errors"
	"hash/maphash"
	"io/fs"
	"iter"
	"slices"

	"github.com/ipfs/go-cid"
)

func (n *node) isDir() bool { return n.kind == typeDirectory || n.kind == typeHAMTShard }

// dirVisitor is told what is in a directory, in the order of the DAG.
type dirVisitor struct {
	entry func(link) error
	shard func(*node) error // a shard below the root's; what follows is in it
}

// each reads the directory n, but not what its entries lead to. Only a HAMT has
// more than one block; of that no more is held than the shards above an entry.
// again: this walk has read the directory before, and paid for it.
func (r *reader) each(path string, n *node, again bool, v dirVisitor) error {
	if n.kind == typeHAMTShard {
		return r.hamt(path, n, again, v)
	}
	if len(n.links) > r.lim.Entries {
		return r.tooMany(path)
	}
	for _, l := range n.links {
		if err := v.entry(l); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) tooMany(path string) error {
	return &LimitError{Path: path, What: "entries", Limit: int64(r.lim.Entries)}
}

// survey reads the directory n and refuses names that can't be, and names that
// some file system takes for one. see is told of each entry.
func (r *reader) survey(path string, n *node, see func(link) error) error {
	twins := newTwins()
	err := r.each(path, n, false, dirVisitor{entry: func(l link) error {
		if why := badName(l.name); why != "" {
			return &NameError{Dir: path, Name: l.name, Why: why}
		}
		twins.add(l.name)
		return see(l)
	}})
	if err != nil {
		return err
	}
	a, b := twins.find(r.names(path, n, &err))
	if b != "" {
		return collision(path, b, a)
	}
	return err
}

// names are those of a directory that was read before. What goes wrong the second
// time is failure: without the rest of the names no two of them are known to differ.
func (r *reader) names(path string, n *node, failure *error) iter.Seq[string] {
	return func(yield func(string) bool) {
		err := r.each(path, n, true, dirVisitor{entry: func(l link) error {
			if !yield(l.name) {
				return fs.SkipAll
			}
			return nil
		}})
		if !errors.Is(err, fs.SkipAll) {
			*failure = err
		}
	}
}

// twins finds two names that some file system takes for one, in eight bytes a
// name: the names themselves are asked for only where the hashes of two agree.
type twins struct {
	folder
	seed   maphash.Seed
	hashes []uint64
}

func newTwins() *twins { return &twins{seed: maphash.MakeSeed()} }

func (t *twins) hash(folded string) uint64 { return maphash.String(t.seed, folded) }

func (t *twins) add(name string) { t.hashes = append(t.hashes, t.hash(t.fold(name))) }

// find returns the first name that is like one before, which comes first; names
// are those that were added, in any order.
func (t *twins) find(names iter.Seq[string]) (a, b string) {
	slices.Sort(t.hashes)
	suspects := map[uint64]bool{}
	for i, h := range t.hashes[min(1, len(t.hashes)):] {
		if h == t.hashes[i] {
			suspects[h] = true
		}
	}
	if len(suspects) == 0 {
		return "", ""
	}
	seen := map[string]string{}
	for name := range names {
		key := t.fold(name)
		if !suspects[t.hash(key)] {
			continue
		}
		if other, ok := seen[key]; ok {
			return other, name
		}
		seen[key] = name
	}
	return "", ""
}

// find looks one name up in the directory n.
func (r *reader) find(path string, n *node, name string) (found link, ok bool, err error) {
	if n.kind == typeHAMTShard {
		return r.hamtFind(path, n, name)
	}
	err = r.survey(path, n, func(l link) error {
		if l.name == name {
			found, ok = l, true
		}
		return nil
	})
	return found, ok && err == nil, err
}

// dir reads the directory c.
func (r *reader) dir(path string, c cid.Cid) (*node, error) {
	if c.Type() != cid.DagProtobuf {
		return nil, malformed(path, c, "it is not a directory")
	}
	n, err := r.node(path, c)
	if err == nil && !n.isDir() {
		err = malformed(path, c, "it is not a directory")
	}
	return n, err
}
