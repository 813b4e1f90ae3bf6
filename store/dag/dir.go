package dag

import (
	"slices"

	"github.com/ipfs/go-cid"
)

// item is an entry of a directory, or a shard that holds the items after it.
type item struct {
	link
	shard *node
}

func (n *node) isDir() bool { return n.kind == typeDirectory || n.kind == typeHAMTShard }

// list returns the items of the directory n in the order of the DAG, every name
// checked.
func (r *reader) list(path string, n *node) ([]item, error) {
	items, err := r.items(path, n)
	if err != nil {
		return nil, err
	}
	return items, r.checkNames(path, items)
}

func (r *reader) items(path string, n *node) ([]item, error) {
	if n.kind == typeHAMTShard {
		return r.hamtItems(path, n)
	}
	if len(n.links) > r.lim.Entries {
		return nil, r.tooMany(path)
	}
	items := make([]item, len(n.links))
	for i, l := range n.links {
		items[i].link = l
	}
	return items, nil
}

func (r *reader) tooMany(path string) error {
	return &LimitError{Path: path, What: "entries", Limit: int64(r.lim.Entries)}
}

// checkNames refuses names that can't be, and names that some file system takes
// for one.
func (r *reader) checkNames(path string, items []item) error {
	seen := make(map[string]string, len(items))
	for _, it := range items {
		if it.shard != nil {
			continue
		}
		if why := badName(it.name); why != "" {
			return &NameError{Dir: path, Name: it.name, Why: why}
		}
		key := r.names.fold(it.name)
		if other, ok := seen[key]; ok {
			return collision(path, it.name, other)
		}
		seen[key] = it.name
	}
	return nil
}

// find looks one name up in the directory n.
func (r *reader) find(path string, n *node, name string) (link, bool, error) {
	if n.kind == typeHAMTShard {
		return r.hamtFind(path, n, name)
	}
	items, err := r.list(path, n)
	if err != nil {
		return link{}, false, err
	}
	i := slices.IndexFunc(items, func(it item) bool { return it.name == name })
	if i < 0 {
		return link{}, false, nil
	}
	return items[i].link, true, nil
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
