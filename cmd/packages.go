package cmd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"ipp/cmd/term"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/lock/toml"
	"ipp/store"
	"ipp/store/dag"
	"ipp/store/durable"
	"ipp/store/pack"

	"github.com/ipfs/go-cid"
)

// stored is a package in the store: its root and those parts that are there.
type stored struct {
	root  cid.Cid
	parts []string
}

// packages lists the packages in the store. Names and versions are not read: a
// store may hold thousands.
func (s *session) packages() ([]stored, error) {
	if s.st == nil || s.scanned {
		return s.stored, nil
	}
	keys, err := s.st.Trees()
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if n := len(s.stored); n > 0 && s.stored[n-1].root.Equals(k.Root) {
			s.stored[n-1].parts = append(s.stored[n-1].parts, k.Part)
			continue
		}
		s.stored = append(s.stored, stored{k.Root, []string{k.Part}})
	}
	s.scanned = true
	return s.stored, nil
}

// metadata reads a stored package's package.toml from one of its trees; nil for
// one that has none.
func (s *session) metadata(p stored) (*pack.Metadata, error) {
	t, err := pack.OpenTree(s.st, store.Key{Root: p.root, Part: p.parts[0]})
	if err != nil {
		return nil, err
	}
	return t.Meta, nil
}

// named lists the stored packages whose own name is name. Most are passed over
// without parsing their metadata: it does not even hold the word.
func (s *session) named(name ref.Name) ([]stored, error) {
	all, err := s.packages()
	if err != nil {
		return nil, err
	}
	if s.texts == nil {
		s.texts = map[cid.Cid][]byte{}
		for _, p := range all {
			tree := s.st.TreeDir(store.Key{Root: p.root, Part: p.parts[0]})
			data, err := durable.ReadFile(filepath.Join(tree, pack.MetadataName), pack.MaxMetadata)
			if err != nil && !isAbsent(err) { // none: no name
				if err := s.unreadable(p, err); err != nil {
					return nil, err
				}
			}
			s.texts[p.root] = data
		}
	}
	var found []stored
	for _, p := range all {
		if data := s.texts[p.root]; !bytes.Contains(data, []byte(name)) && !bytes.ContainsRune(data, '\\') {
			continue
		}
		meta, err := s.metadata(p)
		if err != nil {
			if err := s.unreadable(p, err); err != nil {
				return nil, err
			}
			continue
		}
		if meta != nil && meta.Name == name {
			found = append(found, p)
		}
	}
	return found, nil
}

// unreadable passes over a damaged package with a warning, so that one does not
// hide all others. What the disk or the system refused is an error: the package
// may be the one that is wanted, and another would be taken in its place.
func (s *session) unreadable(p stored, err error) error {
	var errno syscall.Errno
	errors.As(err, &errno)
	switch errno {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EIO, syscall.ESTALE:
		return fmt.Errorf("read package %s: %w", p.root, err)
	}
	s.a.warn("package %s in the store can't be read: %s", p.root, term.Safe(err.Error()))
	return nil
}

// blocks is the store as the source of one package, until the session closes.
func (s *session) blocks(ctx context.Context, root cid.Cid) (dag.Blocks, error) {
	b, err := s.st.Blocks(ctx, root)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, b.Close)
	return b, nil
}

// candidates lists what is known by a package's own name: what the command line
// brought along, and what the store has. Each is leased, then read.
func (s *session) candidates(ctx context.Context, name ref.Name) ([]lock.Candidate, error) {
	var list []lock.Candidate
	for _, o := range s.opened {
		if o.own() == name {
			list = append(list, candidate(o.pkg, name))
		}
	}
	found, err := s.named(name)
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		if slices.ContainsFunc(list, func(c lock.Candidate) bool { return c.CID.Equals(p.root) }) {
			continue
		}
		// Without a lease, or interrupted, nothing is known of the package: to
		// leave it out would choose another version.
		if err := s.protect(ctx, p.root); err != nil {
			return nil, err
		}
		pkg, err := s.openStored(ctx, p.root)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			if err := s.unreadable(p, err); err != nil {
				return nil, err
			}
			continue
		}
		list = append(list, candidate(pkg.pkg, name))
	}
	return list, nil
}

// candidate is what resolution needs to know of a package; one without
// package.toml goes by the name it was given, as version 0.
func candidate(p *pack.Package, name ref.Name) lock.Candidate {
	c := lock.Candidate{Package: lock.Package{Name: name, Version: "0", CID: p.Root, Manifest: p.Manifest, DagSize: p.DagSize}}
	if p.Meta != nil {
		c.Name, c.Version, c.Dependencies = p.Meta.Name, p.Meta.Version, p.Meta.Dependencies
		c.Commands = slices.Sorted(maps.Keys(p.Meta.Commands))
	}
	if s := p.Signature; s != nil {
		c.Key, c.Before, c.Platforms = s.Key.String(), s.Before(), map[ref.Platform]lock.Size{}
		for part, size := range s.Parts {
			c.Platforms[part] = lock.Size{Bytes: size.Bytes, Files: size.Files}
		}
	}
	return c
}

// newest is the newest version that is known of a package, as an upgrade would
// choose it were there no wish; "" where nothing is newer than it is.
func (s *session) newest(ctx context.Context, p lock.Package) ref.Version {
	own := cmp.Or(p.Package, p.Name)
	list, ok := s.candidatesOf[own]
	if !ok {
		var err error
		if list, err = s.candidates(ctx, own); err != nil {
			return "" // it is a hint
		}
	}
	best := p.Version
	for _, k := range list {
		if follows(k, p) && k.Version.IsSemver() && best.IsSemver() && !k.Version.IsPrerelease() && k.Version.Compare(best) > 0 {
			best = k.Version
		}
	}
	if best == p.Version {
		return ""
	}
	return best
}

// alike tells a person who mistyped a name which known one is spelled alike.
func (s *session) alike(err error) error {
	var missing *lock.NotFoundError
	if !errors.As(err, &missing) || len(missing.Has) > 0 {
		return err
	}
	all, listErr := s.packages()
	if listErr != nil {
		return err
	}
	var names []string
	for _, p := range all {
		if meta, err := s.metadata(p); err == nil && meta != nil {
			names = append(names, string(meta.Name))
		}
	}
	near := toml.Nearest(string(missing.Name), names)
	if near == "" || len(missing.Name) < 3 { // any two letters are alike
		return err
	}
	return &failure{err: err, hints: []string{"did you mean " + near + "?"}}
}

// tree finds the part of a stored package that this machine uses.
func (s *session) tree(p lock.Package) (*pack.Tree, error) {
	parts, err := s.st.Parts(p.CID)
	if err != nil {
		return nil, err
	}
	if len(parts) == 0 {
		return nil, &absentError{name: p.Name, version: p.Version, root: p.CID}
	}
	t, err := pack.OpenTree(s.st, store.Key{Root: p.CID, Part: parts[0]})
	if err != nil {
		return nil, err
	}
	platform, err := (&pack.Package{Root: p.CID, Meta: t.Meta}).Choose(ref.Host())
	if err != nil {
		return nil, err
	}
	part := partOf(platform)
	switch {
	case part == parts[0]:
		return t, nil
	case !slices.Contains(parts, part):
		return nil, &absentError{name: p.Name, version: p.Version, root: p.CID, platform: platform, has: parts}
	}
	return pack.OpenTree(s.st, store.Key{Root: p.CID, Part: part})
}

func partOf(platform ref.Platform) string {
	if platform == "" {
		return store.AnyPart
	}
	return string(platform)
}

// absentError says that the store lacks a package, or this machine's part of it.
type absentError struct {
	name     ref.Name // may be empty
	version  ref.Version
	root     cid.Cid
	platform ref.Platform // lacking; "": everything is
	has      []string
	typed    bool   // the person typed the CID, so it need not be said
	hint     string // how to have it; "": the usual way
}

func (e *absentError) Error() string {
	if e.typed && e.platform == "" {
		return "the store does not have it"
	}
	what := strings.TrimSpace(fmt.Sprintf("%s %s", e.name, e.version))
	if what == "" {
		what = e.root.String()
	} else {
		what += " (" + e.root.String() + ")"
	}
	if e.platform != "" {
		return fmt.Sprintf("the store has %s only for %s, not for %s", what, strings.Join(e.has, ", "), e.platform)
	}
	return "the store does not have " + what
}

// label is a package's name and version, or its CID where it has none.
func label(p *pack.Package) string {
	if p.Meta == nil {
		return shortCID(p.Root)
	}
	return term.Safe(fmt.Sprintf("%s %s", p.Meta.Name, p.Meta.Version))
}

// shortCID is enough of a CID to type: a prefix of 12 characters or more is a
// REF.
func shortCID(c cid.Cid) string {
	s := c.String()
	return s[:min(len(s), 16)]
}
