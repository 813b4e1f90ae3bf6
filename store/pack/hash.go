package pack

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path"
	"runtime"
	"strings"
	"sync"

	"ipp/lock/ref"
	"ipp/store/dag"

	"golang.org/x/sync/errgroup"
)

// hasher hashes files into a Built, several at once.
type hasher struct {
	built     *Built
	pool      *dag.Pool
	report    func(int64)
	inspector *inspector // may be nil
	mutex     sync.Mutex // of all that follows, and of built
	warnings  []Warning
}

func newHasher(b *Built, report func(int64)) *hasher {
	return &hasher{built: b, pool: dag.NewPool(0), report: report}
}

// files hashes every file below top.
func (h *hasher) files(ctx context.Context, top *node) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(2 * runtime.GOMAXPROCS(0)) // files open at once
	top.files("", func(at string, n *node) {
		if inner.Err() == nil {
			g.Go(func() error { return h.file(inner, at, n, h.report) })
		}
	})
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// file hashes one file, which stands at the path at of the package.
func (h *hasher) file(ctx context.Context, at string, n *node, report func(int64)) error {
	if made, ok := n.file.from.made.(text); ok {
		return h.leaves(ctx, n, bytes.NewReader(made), report)
	}
	f, err := n.open()
	if err != nil {
		return err
	}
	defer f.Close()
	n.exec = n.exec || !runBits && isExecutable(f)
	if err := h.leaves(ctx, n, f, report); err != nil {
		return err
	}
	h.inspect(at, n, f)
	return n.check(f)
}

func (h *hasher) leaves(ctx context.Context, n *node, r io.ReaderAt, report func(int64)) error {
	leaves, err := h.pool.Leaves(ctx, r, n.file.size, report)
	if errors.Is(err, io.ErrUnexpectedEOF) && n.file.from.in != nil {
		return n.changed()
	}
	if err != nil {
		return err
	}
	return h.named(n, leaves)
}

// named builds the node of a file whose leaves are known.
func (h *hasher) named(n *node, leaves []dag.Leaf) error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	l, err := h.built.builder.File(leaves, n.exec)
	if err != nil {
		return err
	}
	n.setLink(l)
	n.setLeaves(leaves)
	return nil
}

// isExecutable looks at a file's first bytes.
func isExecutable(r io.ReaderAt) bool {
	head := make([]byte, magicSize)
	n, _ := r.ReadAt(head, 0)
	return looksExecutable(head[:n])
}

// inspect looks for what will hurt users elsewhere, in commands alone: what is
// not started is not looked at.
func (h *hasher) inspect(at string, n *node, r io.ReaderAt) {
	if h.inspector == nil {
		return
	}
	platform, inBin := standsIn(at)
	if !n.exec && !inBin {
		return
	}
	found := h.inspector.inspect(r, n.file.size, n.exec, inBin, platform)
	if inBin && n.exec && h.built.Meta.Commands == nil {
		if _, err := ref.ParseCommand(n.name); err != nil {
			found = append(found, "is in bin, but can't be a command with that name")
		}
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for _, what := range found {
		h.warnings = append(h.warnings, Warning{Path: at, What: what})
	}
}

// standsIn says which platform's directory a path is in, or "", and whether it
// is directly in a bin directory of the forest.
func standsIn(at string) (platform ref.Platform, inBin bool) {
	first, rest, _ := strings.Cut(at, "/")
	if isPlatform(first) {
		return ref.Platform(first), path.Dir(rest) == binDir
	}
	return "", path.Dir(at) == binDir || first == AnyDir && path.Dir(rest) == binDir
}
