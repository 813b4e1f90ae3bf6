package pack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"ipp/lock/ref"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// MissingLibraryError says that a library of package.toml can't be had.
type MissingLibraryError struct {
	Package, Library ref.Name
	CID              cid.Cid
	err              error
}

func (e *MissingLibraryError) Error() string {
	s := fmt.Sprintf("link library %s of %s: %s is not here, or not whole: import it first", e.Library, e.Package, e.CID)
	if e.err != nil {
		s += fmt.Sprintf(" (%v)", e.err)
	}
	return s
}

// Unwrap gives the cause.
func (e *MissingLibraryError) Unwrap() error { return e.err }

// libraries links the libraries that package.toml names.
func (b *Built) libraries(ctx context.Context, l *layout) error {
	for _, name := range slices.Sorted(maps.Keys(l.meta.Libraries)) {
		n, c := l.top.child(DepsDir).child(string(name)), l.meta.Libraries[name]
		if len(n.children()) > 0 {
			if err := b.unpackedLibrary(l, n, c); err != nil {
				return err
			}
			continue
		}
		source, link, err := findLibrary(ctx, l.in, c)
		if err != nil {
			return &MissingLibraryError{Package: l.meta.Name, Library: name, CID: c, err: err}
		}
		n.setLink(link)
		b.libs = append(b.libs, library{name, source})
	}
	return nil
}

// findLibrary finds the blocks of a library, and reads all of it but the
// contents of files: half a library would make half a package.
func findLibrary(ctx context.Context, in Input, c cid.Cid) (dag.Blocks, dag.Link, error) {
	if in.Lookup == nil {
		return nil, dag.Link{}, errors.New("there is no store to look in")
	}
	source, err := in.Lookup(ctx, c)
	if err != nil {
		return nil, dag.Link{}, err
	}
	block, err := dag.Get(ctx, source, c)
	if err != nil {
		return nil, dag.Link{}, err
	}
	size, err := dag.CumulativeSize(c, block)
	if err != nil {
		return nil, dag.Link{}, err
	}
	err = dag.Walk(ctx, source, c, dag.WalkOptions{}, func(e *dag.Entry) error {
		if e.Path == "" && e.Kind != dag.Dir {
			return &NotDirError{Root: c, Kind: e.Kind}
		}
		return nil
	})
	return source, dag.Link{CID: c, Tsize: size}, err
}

// unpackedLibrary builds a library that lies in the input.
func (b *Built) unpackedLibrary(l *layout, n *node, want cid.Cid) error {
	if err := b.dirs(n); err != nil {
		return err
	}
	if n.link().CID != want {
		return &LayoutError{
			Where: l.where,
			Why:   fmt.Sprintf("%s/%s is not the library that %s names: its CID is %s, not %s", DepsDir, n.name, MetadataName, n.link().CID, want),
			Hint:  fmt.Sprintf("remove %s/%s, and import the library", DepsDir, n.name),
		}
	}
	return nil
}
