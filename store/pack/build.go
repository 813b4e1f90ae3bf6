package pack

import (
	"context"
	"slices"
	"strings"

	"ipp/store/dag"
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
	b := &Built{Package: &Package{Meta: l.meta}, builder: dag.NewBuilder()}
	b.src = b
	h := newHasher(b, l.in.Report)
	h.inspector = &inspector{places: placesOf(l.in), split: len(b.Meta.Platforms) > 0}
	if err := h.files(ctx, l.top); err != nil {
		return nil, err
	}
	if err := b.libraries(ctx, l); err != nil {
		return nil, err
	}
	if err := b.assemble(ctx, h, l); err != nil {
		return nil, err
	}
	b.Warnings = slices.Concat(h.warnings, danglingLinks(l.top), strayPrograms(l.top, b.Meta))
	slices.SortFunc(b.Warnings, func(a, b Warning) int {
		return strings.Compare(a.Path+"\x00"+a.What, b.Path+"\x00"+b.What)
	})
	// Whoever installs it walks it with these limits; better told now.
	return b, dag.Walk(ctx, b, b.Root, dag.WalkOptions{Limits: l.limits}, func(*dag.Entry) error { return nil })
}

// assemble makes the manifest, the signature and the root out of hashed files.
func (b *Built) assemble(ctx context.Context, h *hasher, l *layout) error {
	top := l.top
	for _, c := range top.children() {
		if err := b.dirs(c); err != nil {
			return err
		}
	}
	text, err := manifestOf(b.builder, top)
	if err != nil {
		return err
	}
	manifest, leaves := text.file()
	if err := h.named(manifest, leaves); err != nil {
		return err
	}
	top.put(manifest)
	b.Manifest = manifest.link().CID
	if err := b.sign(ctx, h, l); err != nil {
		return err
	}
	root, err := buildDir(b.builder, top, everything)
	if err != nil {
		return err
	}
	b.Root, b.DagSize = root.CID, root.Tsize
	for _, c := range top.children() {
		b.Top = append(b.Top, c.name)
	}
	top.files("", func(_ string, n *node) { b.Files, b.Bytes = b.Files+1, b.Bytes+n.file.size })
	b.leaves = indexLeaves(top)
	return nil
}

// dirs builds everything below n that is not built yet, and n.
func (b *Built) dirs(n *node) error {
	if n.built() {
		return nil
	}
	for _, c := range n.children() {
		if err := b.dirs(c); err != nil {
			return err
		}
	}
	var l dag.Link
	var err error
	if n.kind == dag.Symlink {
		l, err = b.builder.Symlink(n.target())
	} else {
		l, err = buildDir(b.builder, n, everything)
	}
	if err == nil {
		n.setLink(l)
	}
	return err
}

func everything(string) bool { return true }

// buildDir builds a directory out of those of its children that are wanted.
func buildDir(builder *dag.Builder, n *node, wanted func(name string) bool) (dag.Link, error) {
	children := n.children()
	if slices.ContainsFunc(children, func(c *node) bool { return !wanted(c.name) }) {
		children = slices.DeleteFunc(slices.Clone(children), func(c *node) bool { return !wanted(c.name) })
	}
	return builder.DirOf(len(children), func(i int) (string, dag.Link) { return children[i].name, children[i].link() })
}

// listed says whether a top-level name stands in the manifest: it can't name
// itself, and what a signature says of it comes later.
func listed(name string) bool {
	return name != ManifestName && !strings.HasPrefix(name, ".")
}
