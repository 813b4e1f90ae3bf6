package pack

import (
	"context"
	"slices"
	"strings"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// InputBytes is how many bytes Build will hash, for progress.
func InputBytes(in Input) (int64, error) {
	l, err := arrange(in)
	if err != nil {
		return 0, err
	}
	defer l.close()
	var all int64
	l.top.files("", func(_ string, n *node) { all += n.file.size })
	return all, nil
}

// Build hashes the input into a package.
func Build(ctx context.Context, in Input) (*Built, error) {
	l, err := arrange(in)
	if err != nil {
		return nil, err
	}
	b, err := l.build(ctx)
	if err != nil {
		l.close()
		return nil, wrapPack(l.where, err)
	}
	return b, nil
}

func (l *layout) build(ctx context.Context) (*Built, error) {
	b := &Built{Package: &Package{Meta: l.meta}, builder: dag.NewBuilder(), leaves: map[cid.Cid]piece{}}
	h := newHasher(b, l.in.Report)
	h.inspector = &inspector{places: placesOf(l.in), split: len(b.Meta.Platforms) > 0}
	if err := h.files(ctx, l.top); err != nil {
		return nil, err
	}
	if err := b.libraries(ctx, l); err != nil {
		return nil, err
	}
	if err := b.assemble(ctx, h, l.top); err != nil {
		return nil, err
	}
	b.Warnings = slices.Concat(h.warnings, danglingLinks(l.top), strayPrograms(l.top, b.Meta))
	slices.SortFunc(b.Warnings, func(a, b Warning) int {
		return strings.Compare(a.Path+"\x00"+a.What, b.Path+"\x00"+b.What)
	})
	// Whoever installs it walks it with these limits; better told now.
	return b, dag.Walk(ctx, b, b.Root, dag.WalkOptions{Limits: l.limits}, func(*dag.Entry) error { return nil })
}

// assemble makes the manifest and the root out of hashed files.
func (b *Built) assemble(ctx context.Context, h *hasher, top *node) error {
	for _, c := range top.children {
		if err := b.dirs(c); err != nil {
			return err
		}
	}
	lines, err := manifestOf(b.builder, top)
	if err != nil {
		return err
	}
	data := EncodeManifest(lines)
	manifest := &node{name: ManifestName, kind: dag.File, file: source{data: data, size: int64(len(data))}}
	if err := h.file(ctx, ManifestName, manifest, nil); err != nil {
		return err
	}
	top.put(manifest)
	root, err := buildDir(b.builder, top, everything)
	if err != nil {
		return err
	}
	b.Root, b.DagSize, b.Manifest = root.CID, root.Tsize, manifest.link.CID
	for _, c := range top.children {
		b.Top = append(b.Top, c.name)
	}
	dots := top.child(dotDir)
	b.Signed = dots != nil && len(dots.children) > 0
	top.files("", func(_ string, n *node) { b.Files, b.Bytes = b.Files+1, b.Bytes+n.file.size })
	return nil
}

// dirs builds everything below n that is not built yet, and n.
func (b *Built) dirs(n *node) error {
	if n.link.CID.Defined() {
		return nil
	}
	for _, c := range n.children {
		if err := b.dirs(c); err != nil {
			return err
		}
	}
	var err error
	if n.kind == dag.Symlink {
		n.link, err = b.builder.Symlink(n.target)
	} else {
		n.link, err = buildDir(b.builder, n, everything)
	}
	return err
}

func everything(string) bool { return true }

// buildDir builds a directory out of those of its children that are wanted.
func buildDir(builder *dag.Builder, n *node, wanted func(name string) bool) (dag.Link, error) {
	entries := make(map[string]dag.Link, len(n.children))
	for _, c := range n.children {
		if wanted(c.name) {
			entries[c.name] = c.link
		}
	}
	return builder.Dir(entries)
}

// listed says whether a top-level name stands in the manifest: it can't name
// itself, and what a signature says of it comes later.
func listed(name string) bool {
	return name != ManifestName && !strings.HasPrefix(name, ".")
}

// manifestOf lists what the manifest says of a package that is built.
func manifestOf(builder *dag.Builder, top *node) ([]Line, error) {
	root, err := buildDir(builder, top, listed)
	if err != nil {
		return nil, err
	}
	lines := []Line{{CID: root.CID, Format: FormatToken, Path: "."}}
	var add func(at string, n *node)
	add = func(at string, n *node) {
		lines = append(lines, Line{CID: n.link.CID, Format: FormatToken, Path: at})
		if n.library {
			return // a package with a manifest of its own
		}
		for _, c := range n.children {
			add(at+"/"+c.name, c)
		}
	}
	for _, c := range top.children {
		if listed(c.name) {
			add(c.name, c)
		}
	}
	return lines, nil
}
