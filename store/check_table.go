package store

import (
	"bytes"
	"cmp"
	"errors"
	"iter"
	"sort"
	"strings"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// objectKey is the name of an object in a form of which a hundred thousand fit
// into a few megabytes.
type objectKey struct {
	digest [32]byte
	tree   bool // a dag-pb root over several leaves, not one raw leaf
	exec   bool
}

var errObjectName = errors.New("no object has such a name")

// objectKeyOf is the key of the object of contents c.
func objectKeyOf(c cid.Cid, exec bool) (objectKey, error) {
	p := c.Prefix()
	if p.Version != 1 || p.MhType != mh.SHA2_256 || p.MhLength != 32 || p.Codec != cid.Raw && p.Codec != cid.DagProtobuf {
		return objectKey{}, errObjectName
	}
	h := c.Hash()
	return objectKey{[32]byte(h[len(h)-32:]), p.Codec == cid.DagProtobuf, exec}, nil
}

// parseObjectKey parses a name below objects/, without its shard.
func parseObjectKey(name string) (objectKey, error) {
	c, exec, err := objectCID(name)
	if err != nil {
		return objectKey{}, err
	}
	return objectKeyOf(c, exec)
}

func (k objectKey) cid() cid.Cid {
	codec := uint64(cid.Raw)
	if k.tree {
		codec = cid.DagProtobuf
	}
	return cid.NewCidV1(codec, append([]byte{mh.SHA2_256, 32}, k.digest[:]...))
}

func (k objectKey) name() string { return objectName(k.cid(), k.exec) }

// names says whether k is the object of contents c.
func (k objectKey) names(c cid.Cid) bool {
	own, err := objectKeyOf(c, k.exec)
	return err == nil && own == k
}

// twin is the object of the same contents with the other mode.
func (k objectKey) twin() objectKey {
	k.exec = !k.exec
	return k
}

// file is where the object lies, below the store's directory.
func (k objectKey) file() string {
	name := k.name()
	base := strings.TrimSuffix(name, execSuffix)
	return "objects/" + base[len(base)-2:] + "/" + name
}

// objectList is the objects that a check found, sorted, with what is known of
// each.
type objectList []listedObject

type listedObject struct {
	objectKey
	state objectState
}

func (l objectList) index(k objectKey) (int, bool) {
	return sort.Find(len(l), func(i int) int { return k.compare(l[i].objectKey) })
}

func (k objectKey) compare(o objectKey) int {
	bit := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	return cmp.Or(bytes.Compare(k.digest[:], o.digest[:]), bit(k.tree)-bit(o.tree), bit(k.exec)-bit(o.exec))
}

// fileLine is a line of a tree's .objects.
type fileLine struct {
	path   string
	object objectKey
	size   int64
}

// fileTable is a tree's .objects, packed: a package may have 250,000 files.
type fileTable struct {
	paths   strings.Builder
	ends    []uint32 // of each path in paths
	objects []objectKey
	sizes   []int64
	seen    []bool
}

// fileTable reads a tree's .objects.
func (s *Store) fileTable(k Key) (*fileTable, error) {
	t := &fileTable{}
	last := ""
	err := s.eachFile(k, func(f FileInfo) error {
		key, err := parseObjectKey(f.Object)
		if err == nil && len(t.ends) > 0 && cmp.Compare(last, f.Path) >= 0 {
			err = errors.New("it is not sorted by path")
		}
		last = f.Path
		t.paths.WriteString(f.Path)
		t.ends = append(t.ends, uint32(t.paths.Len()))
		t.objects = append(t.objects, key)
		t.sizes = append(t.sizes, f.Size)
		return err
	})
	t.seen = make([]bool, len(t.ends))
	return t, err
}

func (t *fileTable) path(i int) string {
	start := uint32(0)
	if i > 0 {
		start = t.ends[i-1]
	}
	return t.paths.String()[start:t.ends[i]]
}

func (t *fileTable) line(i int) fileLine { return fileLine{t.path(i), t.objects[i], t.sizes[i]} }

// find looks a path up.
func (t *fileTable) find(path string) (fileLine, bool) {
	i, ok := t.index(path)
	if !ok {
		return fileLine{}, false
	}
	return t.line(i), true
}

func (t *fileTable) index(path string) (int, bool) {
	i := sort.Search(len(t.ends), func(i int) bool { return t.path(i) >= path })
	return i, i < len(t.ends) && t.path(i) == path
}

// see is find, and marks what it found.
func (t *fileTable) see(path string) (fileLine, bool) {
	i, ok := t.index(path)
	if ok {
		t.seen[i] = true
	}
	return t.find(path)
}

// unseen are the lines that were not seen.
func (t *fileTable) unseen() iter.Seq[fileLine] {
	return func(yield func(fileLine) bool) {
		for i := range t.ends {
			if !t.seen[i] && !yield(t.line(i)) {
				return
			}
		}
	}
}
