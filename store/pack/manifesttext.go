package pack

import (
	"crypto/sha256"
	"strings"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// manifestText is the manifest of a package that is built, which is written
// anew whenever a piece of it is read: the text of 100,000 lines has 12 MB.
type manifestText struct {
	nodes []*node // in the order of their lines
	root  cid.Cid // of the last line, "."
	// starts has for each leaf of the text the line in which it begins, and how
	// many bytes of that line are before it.
	starts []lineAt
	size   int64
}

type lineAt struct{ line, skip int }

// manifestOf is what the manifest says of a package that is built.
func manifestOf(builder *dag.Builder, top *node) (*manifestText, error) {
	root, err := buildDir(builder, top, listed)
	if err != nil {
		return nil, err
	}
	top.adopt()
	t := &manifestText{root: root.CID}
	enter := func(n *node) bool {
		return !n.library && (n.parent != top || listed(n.name)) // a library has a manifest of its own
	}
	top.sorted(enter, func(n *node) {
		if n.parent != top || listed(n.name) {
			t.nodes = append(t.nodes, n)
		}
	})
	return t, nil
}

// line is line i.
func (t *manifestText) line(i int) Line {
	if i == len(t.nodes) {
		return Line{CID: t.root, Format: FormatToken, Path: "."}
	}
	return Line{CID: t.nodes[i].link().CID, Format: FormatToken, Path: t.nodes[i].path()}
}

// lines are all lines, sorted.
func (t *manifestText) lines(yield func(Line, error) bool) {
	for i := range len(t.nodes) + 1 {
		if !yield(t.line(i), nil) {
			return
		}
	}
}

// file is the text as a file, and its leaves.
func (t *manifestText) file() (*node, []dag.Leaf) {
	var leaves []dag.Leaf
	var buf []byte
	end := func(n int) {
		l := dag.Leaf{CID: sha256CID(cid.Raw, sha256.Sum256(buf[:n])), Offset: t.size, Size: int64(n)}
		leaves, t.size = append(leaves, l), t.size+int64(n)
		buf = append(buf[:0], buf[n:]...)
	}
	t.starts = []lineAt{{0, 0}}
	for i := range len(t.nodes) + 1 {
		before := len(buf)
		buf = t.line(i).append(buf)
		if len(buf) >= dag.LeafSize { // a line is far shorter than a leaf
			end(dag.LeafSize)
			t.starts = append(t.starts, lineAt{i, dag.LeafSize - before})
		}
	}
	if len(buf) > 0 {
		end(len(buf))
	}
	n := &node{name: ManifestName, kind: dag.File, file: source{from: &origin{made: t}, size: t.size}}
	return n, leaves
}

// read implements contents; it begins at a leaf.
func (t *manifestText) read(offset, n int64) ([]byte, error) {
	at := t.starts[offset/dag.LeafSize]
	buf := make([]byte, 0, int(n)+at.skip+maxManifestLine)
	for i := at.line; int64(len(buf)-at.skip) < n; i++ {
		buf = t.line(i).append(buf)
	}
	return buf[at.skip : int64(at.skip)+n], nil
}

// append appends the line as it is written.
func (l Line) append(b []byte) []byte {
	b = append(append(b, l.CID.String()...), '\t')
	b = append(append(b, l.Format...), '\t')
	if strings.ContainsAny(l.Path, "\\\n\r\t") {
		return append(append(b, strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(l.Path)...), '\n')
	}
	return append(append(b, l.Path...), '\n')
}
