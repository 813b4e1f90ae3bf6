package pack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"ipp/lock/ref"
	"ipp/lock/trust"
	"ipp/store"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// Package is what a package's root says of itself.
type Package struct {
	Root     cid.Cid
	Meta     *Metadata // nil: a directory without package.toml
	Manifest cid.Cid   // Undef: none
	DagSize  uint64
	Top      []string // names at the top, sorted

	// Signature was verified, and is of this package; nil: unsigned. That the
	// files are those that were signed is found when a part is planned (Want).
	Signature *trust.Signature

	src      dag.Blocks // where the rest of it is; nil for a directory on disk
	ownBytes int64      // of the signature
}

// NotDirError says that a root is no package: it is a file or a symlink.
type NotDirError struct {
	Root cid.Cid
	Kind dag.Kind
}

func (e *NotDirError) Error() string {
	what := "a file"
	if e.Kind == dag.Symlink {
		what = "a symlink"
	}
	return fmt.Sprintf("open package %s: it is %s, not a directory", e.Root, what)
}

// LayoutError says that what is in a package, or in a directory that is to
// become one, does not agree with its package.toml or with the format.
type LayoutError struct {
	Where string // the package's CID, or the directory
	Why   string
	Hint  string // what to do about it, or ""
}

// madeWrongly is what to do about a package that is as its author made it.
const madeWrongly = "the package was made wrongly: tell its author"

func (e *LayoutError) Error() string { return fmt.Sprintf("read package %s: %s", e.Where, e.Why) }

// Open reads the root, the metadata, the manifest's CID and the signature of a
// package. A signature that is not good is an error: *SignatureError.
func Open(ctx context.Context, b dag.Blocks, root cid.Cid) (*Package, error) {
	p := &Package{Root: root, src: b}
	b = &memo{from: b, have: map[string][]byte{}}
	top, err := p.openRoot(ctx, b)
	if err != nil {
		return nil, err
	}
	if p.Meta, err = openMetadata(ctx, b, root, top); err != nil {
		return nil, err
	}
	if i := slices.Index(p.Top, ManifestName); i >= 0 {
		p.Manifest = top[i].CID
	}
	if p.Meta == nil && !p.Manifest.Defined() {
		return p, nil // any directory: dot names mean nothing special in it
	}
	signed, err := openDots(ctx, b, root, top)
	if err != nil {
		return nil, err
	}
	if err := p.checkPlatforms(); err != nil || !signed {
		return p, err
	}
	return p, p.openSignature(ctx, b)
}

// openRoot reads the root directory.
func (p *Package) openRoot(ctx context.Context, b dag.Blocks) ([]dag.Entry, error) {
	e, err := dag.Resolve(ctx, b, p.Root, "")
	if err != nil {
		return nil, fmt.Errorf("open package %s: %w", p.Root, err)
	}
	if e.Kind != dag.Dir {
		return nil, &NotDirError{Root: p.Root, Kind: e.Kind}
	}
	block, err := dag.Get(ctx, b, p.Root)
	if err != nil {
		return nil, fmt.Errorf("open package %s: %w", p.Root, err)
	}
	if p.DagSize, err = dag.CumulativeSize(p.Root, block); err != nil {
		return nil, fmt.Errorf("open package %s: %w", p.Root, err)
	}
	top, err := dag.List(ctx, b, p.Root, dag.DefaultLimits())
	if err != nil {
		return nil, fmt.Errorf("open package %s: %w", p.Root, err)
	}
	for _, e := range top {
		p.Top = append(p.Top, e.Path)
	}
	return top, nil
}

// openMetadata reads package.toml; nil where there is none.
func openMetadata(ctx context.Context, b dag.Blocks, root cid.Cid, top []dag.Entry) (*Metadata, error) {
	if !has(top, MetadataName) {
		return nil, nil
	}
	e, err := dag.Resolve(ctx, b, root, MetadataName)
	if err != nil {
		return nil, fmt.Errorf("read %s of package %s: %w", MetadataName, root, err)
	}
	if e.Kind != dag.File {
		return nil, &LayoutError{Where: root.String(), Hint: madeWrongly, Why: MetadataName + " is not a file"}
	}
	data, err := dag.ReadFile(ctx, b, e, MaxMetadata)
	if err != nil {
		return nil, fmt.Errorf("read %s of package %s: %w", MetadataName, root, err)
	}
	return ParseMetadata(root.String()+"/"+MetadataName, data)
}

// openDots refuses what stands outside the manifest, so outside a signature,
// but for the signature itself.
func openDots(ctx context.Context, b dag.Blocks, root cid.Cid, top []dag.Entry) (signed bool, err error) {
	var dots []string
	for _, e := range top {
		if strings.HasPrefix(e.Path, ".") && e.Path != dotDir {
			dots = append(dots, e.Path)
		}
	}
	if dots != nil {
		return false, &DotNamesError{Dir: root.String(), Names: dots, Packed: true}
	}
	if has(top, manifestTemp) {
		return false, &LayoutError{Where: root.String(), Hint: madeWrongly, Why: manifestTemp + " has no place in it: no manifest lists it"}
	}
	if !has(top, dotDir) {
		return false, nil
	}
	e, err := dag.Resolve(ctx, b, root, dotDir)
	if err != nil {
		return false, fmt.Errorf("read %s of package %s: %w", dotDir, root, err)
	}
	if e.Kind != dag.Dir {
		return false, &LayoutError{Where: root.String(), Hint: madeWrongly, Why: dotDir + " is not a directory"}
	}
	own, err := dag.List(ctx, b, e.CID, dag.DefaultLimits())
	if err != nil {
		return false, fmt.Errorf("read %s of package %s: %w", dotDir, root, err)
	}
	for _, e := range own {
		if name := dotDir + "/" + e.Path; name != SignatureName {
			return false, &LayoutError{Where: root.String(), Hint: madeWrongly, Why: fmt.Sprintf("%q has no place in it: %s holds the signature alone", name, dotDir)}
		}
	}
	return len(own) > 0, nil
}

// checkPlatforms says which platform of package.toml has no directory.
func (p *Package) checkPlatforms() error {
	if p.Meta == nil {
		return nil
	}
	for _, platform := range p.Meta.Platforms {
		if _, ok := slices.BinarySearch(p.Top, string(platform)); !ok {
			return &LayoutError{
				Where: p.Root.String(),
				Why:   fmt.Sprintf("%s names the platform %s, but there is no directory %s/", MetadataName, platform, platform),
				Hint:  madeWrongly,
			}
		}
	}
	return nil
}

func has(entries []dag.Entry, name string) bool {
	return slices.ContainsFunc(entries, func(e dag.Entry) bool { return e.Path == name })
}

// NoPlatformError says that a package has nothing for this machine.
type NoPlatformError struct {
	Name ref.Name
	Host ref.Platform
	Has  []ref.Platform
}

func (e *NoPlatformError) Error() string {
	return fmt.Sprintf("choose platform of %s: it has nothing for %s, only for %s",
		e.Name, e.Host, strings.Join(plain(e.Has), ", "))
}

// Choose picks the best of the package's platforms for host; "" for a package
// that is not split.
func (p *Package) Choose(host ref.Platform) (ref.Platform, error) {
	if p.Meta == nil || len(p.Meta.Platforms) == 0 {
		return "", nil
	}
	for _, candidate := range host.Candidates() {
		if slices.Contains(p.Meta.Platforms, candidate) {
			return candidate, nil
		}
	}
	return "", &NoPlatformError{Name: p.Meta.Name, Host: host, Has: p.Meta.Platforms}
}

// Want is the part of the package for one of its platforms ("" where it is not
// split). Of a signed package it holds the part to the sizes that were signed,
// and each of its files to the manifest.
func (p *Package) Want(platform ref.Platform, lim dag.Limits) store.Want {
	w := store.Want{Key: store.Key{Root: p.Root, Part: store.AnyPart}, Limits: p.limits(platform, lim)}
	if platform != "" {
		w.Part = string(platform)
	}
	if p.Meta != nil {
		for _, other := range p.Meta.Platforms {
			if other != platform {
				w.Omit = append(w.Omit, string(other))
			}
		}
	}
	w.Exec = p.exec(platform)
	w.Check = p.check(platform, w.Omit)
	return w
}

// exec are the paths that are executable where the DAG has no modes: those of
// [commands], else everything in bin/. Of a directory without package.toml any
// file may be run by its path.
func (p *Package) exec(platform ref.Platform) []string {
	if p.Meta == nil {
		return []string{"/"}
	}
	var all []string
	for _, base := range basesOf(p.Meta, platform, slices.Contains(p.Top, AnyDir)) {
		if p.Meta.Commands == nil {
			all = append(all, join(base, binDir)+"/")
			continue
		}
		for _, at := range p.Meta.Commands {
			for _, name := range commandFiles(platform, at) {
				all = append(all, join(base, name))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// memo keeps blocks while a package is opened: Resolve and List ask for the
// root more than once, and b may be far away.
type memo struct {
	from  dag.Blocks
	mutex sync.Mutex
	have  map[string][]byte
}

func (m *memo) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	m.mutex.Lock()
	data, ok := m.have[c.KeyString()]
	m.mutex.Unlock()
	if ok {
		return data, nil
	}
	data, err := m.from.Block(ctx, c)
	if err != nil {
		return nil, err
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.have[c.KeyString()] = data
	return data, nil
}

// FramedLeaf implements dag.Framer where what is behind it does.
func (m *memo) FramedLeaf(ctx context.Context, path string, c cid.Cid, offset, size int64) ([]byte, error) {
	f, ok := m.from.(dag.Framer)
	if !ok {
		return nil, fmt.Errorf("read block %s: %w", c, fs.ErrNotExist)
	}
	return f.FramedLeaf(ctx, path, c, offset, size)
}

// DotNamesError says that the input has top-level dot names.
type DotNamesError struct {
	Dir    string // the package's CID where it is packed already
	Names  []string
	Packed bool
}

func (e *DotNamesError) Error() string {
	return fmt.Sprintf("read package %s: names that begin with a dot have no place at its top: %s",
		e.Dir, strings.Join(e.Names, ", "))
}

var errNotFile = errors.New("not a regular file")
