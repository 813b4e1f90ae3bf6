package pack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"

	"ipp/lock/ref"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"
)

// Verify reads the whole part of a package that b has (all platforms, or only
// those given), recomputes every CID, and compares it with PackManifest:
// missing, changed and extra files all fail. A package without PackManifest
// (p.Manifest is Undef) is held to its own hashes alone. Of a platform that was
// not read only the directory's own line is checked. The line "." is recomputed
// where it is of our import profile and the roots of all that it covers are
// here. A signed package's parts are held to the sizes that were signed. b is
// asked from several goroutines.
//
// A fault in a directory's own block hides what is below and after it, so it
// stands alone.
func Verify(ctx context.Context, b dag.Blocks, p *Package, platforms []ref.Platform, report func(int64)) ([]Fault, error) {
	v := &verifier{blocks: b, pkg: p, report: report, libraries: map[ref.Name]cid.Cid{}, sizes: newCounter(p.Meta)}
	if p.Meta != nil && platforms != nil {
		for _, other := range p.Meta.Platforms {
			if !slices.Contains(platforms, other) {
				v.unread = append(v.unread, string(other))
			}
		}
	}
	last, err := v.manifestEnd(ctx)
	if err != nil {
		return nil, err
	}
	whole, err := v.read(ctx)
	if err != nil || !whole {
		return sortFaults(v.faults), err
	}
	if !p.Manifest.Defined() {
		return sortFaults(v.faults), nil
	}
	root, err := v.top(ctx, last)
	if err != nil {
		return nil, err
	}
	manifest, err := v.manifest(ctx)
	if err != nil {
		return nil, err
	}
	wrong, err := compare(v.found.sorted(root), manifest, v.unreadBelow)
	if err != nil {
		return nil, err
	}
	v.faults = slices.Concat(v.faults, compareLibraries(p.Meta, v.libraries), faultsOf(wrong))
	if len(v.faults) == 0 { // what differs is explained already
		v.faults = v.sizes.faults(p.Signature)
	}
	return slices.Compact(sortFaults(v.faults)), nil
}

// verifier is one Verify.
type verifier struct {
	blocks dag.Blocks
	pkg    *Package
	report func(int64)
	unread []string // platforms that are not looked into
	found  lineLog  // what a manifest should list, but for "."
	sizes  *counter // of Verify

	libraries map[ref.Name]cid.Cid
	mutex     sync.Mutex
	faults    []Fault
}

func (v *verifier) fault(at, why string) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	v.faults = append(v.faults, Fault{at, why})
}

// manifest reads PackManifest, a leaf at a time.
func (v *verifier) manifest(ctx context.Context) (iter.Seq2[Line, error], error) {
	e, err := dag.Resolve(ctx, v.blocks, v.pkg.Root, ManifestName)
	if err != nil {
		return nil, fmt.Errorf("read %s of package %s: %w", ManifestName, v.pkg.Root, err)
	}
	if e.Kind != dag.File {
		return nil, &LayoutError{Where: v.pkg.Root.String(), Why: ManifestName + " is not a file"}
	}
	name := v.pkg.Root.String() + "/" + ManifestName
	if e.Size > MaxManifest {
		return nil, tooLarge(name, e.Size)
	}
	return readManifest(name, dag.NewReader(ctx, v.blocks, e)), nil
}

// manifestEnd reads all of PackManifest, to be sure that it can be read, and
// returns its last line; no line where there is none.
func (v *verifier) manifestEnd(ctx context.Context) (last Line, err error) {
	if !v.pkg.Manifest.Defined() {
		return Line{}, nil
	}
	lines, err := v.manifest(ctx)
	if err != nil {
		return Line{}, err
	}
	for line, err := range lines {
		if err != nil {
			return Line{}, err
		}
		last = line
	}
	return last, nil
}

// read walks the DAG and reads every leaf. false: it could not be walked to its
// end, and a fault says why.
func (v *verifier) read(ctx context.Context) (bool, error) {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(2 * runtime.GOMAXPROCS(0))
	opt := dag.WalkOptions{Omit: func(at string) bool { return slices.Contains(v.unread, at) }}
	err := dag.Walk(inner, v.blocks, v.pkg.Root, opt, func(e *dag.Entry) error {
		v.visit(e)
		v.sizes.see(e)
		for _, l := range e.Leaves {
			g.Go(func() error { return v.leaf(inner, e.Path, l) })
		}
		return inner.Err()
	})
	if failed := g.Wait(); failed != nil {
		return false, failed
	}
	if err != nil && isContent(err) && ctx.Err() == nil {
		v.fault(faultPath(err), err.Error())
		return false, nil
	}
	return err == nil, err
}

// visit notes what a manifest should list.
func (v *verifier) visit(e *dag.Entry) {
	top, _, _ := strings.Cut(e.Path, "/")
	name := libraryOf(v.pkg.Meta, e.Path)
	switch {
	case e.Path == "", !listed(top):
	case name != "" && e.Path != DepsDir+"/"+string(name):
	default:
		v.found.add(e.Path, e.CID)
		if name != "" {
			v.libraries[name] = e.CID
		}
	}
}

// leaf verifies one leaf. The walk verified those that are dag-pb.
func (v *verifier) leaf(ctx context.Context, at string, l dag.Leaf) error {
	if l.CID.Type() == cid.Raw {
		if _, err := dag.ReadLeaf(ctx, v.blocks, l); err != nil && isContent(err) && ctx.Err() == nil {
			v.fault(at, err.Error())
		} else if err != nil {
			return fmt.Errorf("verify %s: %w", at, err)
		}
	}
	if v.report != nil {
		v.report(l.Size)
	}
	return nil
}

// top adds what stands at the top but was not read, and returns the line ".";
// last is that of the manifest.
func (v *verifier) top(ctx context.Context, last Line) (Line, error) {
	entries, err := dag.List(ctx, v.blocks, v.pkg.Root, dag.DefaultLimits())
	if err != nil {
		return Line{}, err
	}
	var names []string
	var links []dag.Link
	whole := last.Format == FormatToken
	for _, e := range entries {
		if slices.Contains(v.unread, e.Path) {
			v.found.add(e.Path, e.CID)
		}
		if !listed(e.Path) || !whole {
			continue
		}
		block, err := dag.Get(ctx, v.blocks, e.CID)
		if errors.Is(err, fs.ErrNotExist) {
			whole = false // of a platform that is not here: its own line covers it
			continue
		}
		if err != nil {
			return Line{}, err
		}
		size, err := dag.CumulativeSize(e.CID, block)
		if err != nil {
			return Line{}, err
		}
		names, links = append(names, e.Path), append(links, dag.Link{CID: e.CID, Tsize: size})
	}
	root := Line{CID: last.CID, Path: "."}
	if whole {
		built, err := dag.NewBuilder().DirOf(len(names), func(i int) (string, dag.Link) { return names[i], links[i] })
		if err != nil {
			return Line{}, err
		}
		root.CID = built.CID
	}
	return root, nil
}

// unreadBelow says whether a path is inside a platform that was not read.
func (v *verifier) unreadBelow(at string) bool {
	top, _, below := strings.Cut(at, "/")
	return below && slices.Contains(v.unread, top)
}

// isContent says whether an error is about what a package holds, rather than
// about reaching it.
func isContent(err error) bool {
	var hash *dag.HashError
	var format *dag.FormatError
	var limit *dag.LimitError
	var name *dag.NameError
	return errors.As(err, &hash) || errors.As(err, &format) || errors.As(err, &limit) || errors.As(err, &name) ||
		errors.Is(err, fs.ErrNotExist)
}

// faultPath is the path that a walk's error names, or "." .
func faultPath(err error) string {
	var format *dag.FormatError
	var limit *dag.LimitError
	var name *dag.NameError
	at := ""
	switch {
	case errors.As(err, &format):
		at = format.Path
	case errors.As(err, &limit):
		at = limit.Path
	case errors.As(err, &name):
		at = name.Dir
	}
	if at == "" {
		return "."
	}
	return at
}
