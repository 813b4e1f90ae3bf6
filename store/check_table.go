package store

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"iter"
	"sort"
	"strings"

	"ipp/store/durable"

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
	return cmp.Or(bytes.Compare(k.digest[:], o.digest[:]), compareBool(k.tree, o.tree), compareBool(k.exec, o.exec))
}

// fileLine is a line of a tree's .objects.
type fileLine struct {
	path   string
	object objectKey
	size   int64
}

// fileTable is a tree's .objects, packed, in its own order: by path.
type fileTable struct {
	log  fileLog
	seen []bool
}

// fileTable reads a tree's .objects.
func (s *Store) fileTable(k Key) (*fileTable, error) {
	t := &fileTable{}
	if lines, size, err := countLines(s.listPath(k)); err == nil {
		const least = 63 // of a line, without its path
		t.log.expect(lines, max(0, size-least*lines))
	}
	err := s.eachFile(k, func(f FileInfo) error {
		key, err := parseObjectKey(f.Object)
		t.log.add(f.Path, key, f.Size)
		return err
	})
	t.seen = make([]bool, len(t.log.lines))
	return t, err
}

// countLines counts a file's lines and bytes, so that nothing is copied as its
// table grows.
func countLines(path string) (lines, size int, err error) {
	f, err := durable.OpenRegular(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := f.Read(buf)
		lines += bytes.Count(buf[:n], []byte{'\n'})
		size += n
		if err == io.EOF {
			return lines, size, nil
		}
		if err != nil {
			return 0, 0, err
		}
	}
}

func (t *fileTable) line(i int) fileLine {
	f := t.log.lines[i]
	return fileLine{string(t.log.path(f)), f.object, f.size}
}

// find looks a path up.
func (t *fileTable) find(path string) (fileLine, bool) {
	i, ok := t.index(path)
	if !ok {
		return fileLine{}, false
	}
	return t.line(i), true
}

func (t *fileTable) index(path string) (int, bool) {
	return sort.Find(len(t.log.lines), func(i int) int { return cmp.Compare(path, string(t.log.path(t.log.lines[i]))) })
}

// see is find, and marks what it found.
func (t *fileTable) see(path string) (fileLine, bool) {
	i, ok := t.index(path)
	if !ok {
		return fileLine{}, false
	}
	t.seen[i] = true
	return t.line(i), true
}

// unseen are the lines that were not seen.
func (t *fileTable) unseen() iter.Seq[fileLine] {
	return func(yield func(fileLine) bool) {
		for i, seen := range t.seen {
			if !seen && !yield(t.line(i)) {
				return
			}
		}
	}
}
