package pack

import (
	"crypto/sha256"
	"path"
	"slices"
	"strings"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// node is a path of the package before and after it is hashed. It is kept small,
// 96 bytes and its name: a package may have 250,000.
type node struct {
	name    string
	kind    dag.Kind
	exec    bool // File: has a run bit
	library bool // Dir: somebody else's package, named by its CID alone
	codec   codec
	digest  [sha256.Size]byte // of its root block, where codec says so
	file    source            // File: where its contents are
	parent  *node             // once the tree stands: see adopt
	more    *rest
}

// codec says how a node was built.
type codec uint8

const (
	notBuilt codec = iota
	rawBlock       // one leaf, which is its root
	pbBlock
	otherCID // in rest
)

// rest is what few nodes have.
type rest struct {
	children []*node // Dir: sorted by name
	target   string  // Symlink
	leaves   [][sha256.Size]byte
	cid      cid.Cid
	tsize    uint64 // but of a raw block
}

func newDir(name string) *node { return &node{name: name, kind: dag.Dir} }

// rest makes room for what few nodes have.
func (n *node) rest() *rest {
	if n.more == nil {
		n.more = &rest{}
	}
	return n.more
}

func (n *node) children() []*node {
	if n.more == nil {
		return nil
	}
	return n.more.children
}

func (n *node) target() string {
	if n.more == nil {
		return ""
	}
	return n.more.target
}

// built says whether the node has a link.
func (n *node) built() bool { return n.codec != notBuilt }

func (n *node) setLink(l dag.Link) {
	p := l.CID.Prefix()
	n.codec = otherCID
	if p.Version == 1 && p.MhType == mh.SHA2_256 && p.MhLength == sha256.Size {
		switch p.Codec {
		case cid.Raw:
			n.codec = rawBlock
		case cid.DagProtobuf:
			n.codec = pbBlock
		}
	}
	if n.codec == rawBlock && l.Tsize != uint64(n.file.size) {
		n.codec = otherCID
	}
	if n.codec != rawBlock {
		n.rest().tsize = l.Tsize
	}
	if n.codec == otherCID {
		n.rest().cid = l.CID
		return
	}
	h := l.CID.Hash()
	n.digest = [sha256.Size]byte(h[len(h)-sha256.Size:])
}

// link is what a directory needs to point to the node.
func (n *node) link() dag.Link {
	switch n.codec {
	case rawBlock:
		return dag.Link{CID: sha256CID(cid.Raw, n.digest), Tsize: uint64(n.file.size)}
	case pbBlock:
		return dag.Link{CID: sha256CID(cid.DagProtobuf, n.digest), Tsize: n.more.tsize}
	case otherCID:
		return dag.Link{CID: n.more.cid, Tsize: n.more.tsize}
	}
	return dag.Link{}
}

func sha256CID(codec uint64, digest [sha256.Size]byte) cid.Cid {
	return cid.NewCidV1(codec, append([]byte{mh.SHA2_256, sha256.Size}, digest[:]...))
}

// setLeaves keeps the names of a file's leaves, if its root is not the one.
func (n *node) setLeaves(leaves []dag.Leaf) {
	if n.codec == rawBlock {
		return
	}
	list := make([][sha256.Size]byte, len(leaves))
	for i, l := range leaves {
		h := l.CID.Hash()
		list[i] = [sha256.Size]byte(h[len(h)-sha256.Size:])
	}
	n.rest().leaves = list
}

// leafCount and leaf are a file's leaves, LeafSize each but the last.
func (n *node) leafCount() int {
	if n.codec == rawBlock {
		return 1
	}
	return len(n.more.leaves)
}

func (n *node) leaf(i int) [sha256.Size]byte {
	if n.codec == rawBlock {
		return n.digest
	}
	return n.more.leaves[i]
}

func (n *node) child(name string) *node {
	list := n.children()
	i, ok := slices.BinarySearchFunc(list, name, func(c *node, name string) int { return strings.Compare(c.name, name) })
	if !ok {
		return nil
	}
	return list[i]
}

// at is what stands at a path, symlinks not followed, or nil.
func (n *node) at(p string) *node {
	for name := range strings.SplitSeq(p, "/") {
		if n = n.child(name); n == nil {
			return nil
		}
	}
	return n
}

// put adds a child, or replaces the one of that name.
func (n *node) put(c *node) {
	r := n.rest()
	i, ok := slices.BinarySearchFunc(r.children, c.name, func(c *node, name string) int { return strings.Compare(c.name, name) })
	if ok {
		r.children[i] = c
		return
	}
	r.children = slices.Insert(r.children, i, c)
}

// take removes a child and returns it, or nil.
func (n *node) take(name string) *node {
	c := n.child(name)
	if c != nil {
		n.more.children = slices.DeleteFunc(n.more.children, func(o *node) bool { return o == c })
	}
	return c
}

// files calls f for each file below n, with its path below it.
func (n *node) files(at string, f func(at string, file *node)) {
	if n.kind == dag.File {
		f(at, n) // which may hand it to somebody else: it is not looked at any more
		return
	}
	for _, c := range n.children() {
		c.files(path.Join(at, c.name), f)
	}
}

// adopt tells everything below n where it stands.
func (n *node) adopt() {
	for _, c := range n.children() {
		c.parent = n
		c.adopt()
	}
}

// path is where n stands, once it was adopted.
func (n *node) path() string {
	if n.parent == nil || n.parent.parent == nil {
		return n.name
	}
	return n.parent.path() + "/" + n.name
}

// sorted calls visit for everything below n in the order of paths as bytes, in
// which "a-b" stands between "a" and "a/b". enter says what to go into.
func (n *node) sorted(enter func(*node) bool, visit func(*node)) {
	type step struct {
		key  string
		node *node
		into bool
	}
	var steps []step
	for _, c := range n.children() {
		steps = append(steps, step{c.name, c, false})
		if len(c.children()) > 0 && enter(c) {
			steps = append(steps, step{c.name + "/", c, true})
		}
	}
	if len(steps) > len(n.children()) {
		slices.SortFunc(steps, func(a, b step) int { return strings.Compare(a.key, b.key) })
	}
	for _, s := range steps {
		if s.into {
			s.node.sorted(enter, visit)
		} else {
			visit(s.node)
		}
	}
}
