package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store"
	"ipp/store/pack"

	"github.com/ipfs/go-cid"
)

// facts are what a package says of itself, read once.
type facts struct {
	candidate lock.Candidate
	err       error
}

// treeFacts are read once for all the generations that a tree is in.
type treeFacts struct {
	st       *store.Store
	exposed  map[string]*generation.Exposed // by tree
	packages map[cid.Cid]facts
}

func newTreeFacts(st *store.Store) *treeFacts {
	return &treeFacts{st, map[string]*generation.Exposed{}, map[cid.Cid]facts{}}
}

// exposes is what a tree brings to a forest.
func (f *treeFacts) exposes(k store.Key) (*generation.Exposed, error) {
	if x := f.exposed[k.String()]; x != nil {
		return x, nil
	}
	t, err := pack.OpenTree(f.st, k)
	if err != nil {
		return nil, err
	}
	x, err := exposedBy(t)
	if err == nil {
		f.exposed[k.String()] = x
	}
	return x, err
}

// candidate is what a lockfile says of a package; name is for one that has no
// name of its own.
func (f *treeFacts) candidate(ctx context.Context, root cid.Cid, name ref.Name) (lock.Candidate, error) {
	known, ok := f.packages[root]
	if !ok {
		known.candidate, known.err = f.read(ctx, root)
		f.packages[root] = known
	}
	own := known.candidate
	own.Name = cmp.Or(own.Name, name)
	return own, known.err
}

func (f *treeFacts) read(ctx context.Context, root cid.Cid) (lock.Candidate, error) {
	b, err := f.st.Blocks(ctx, root)
	if err != nil {
		return lock.Candidate{}, err
	}
	defer b.Close()
	pkg, err := pack.Open(ctx, b, root)
	if err != nil {
		return lock.Candidate{}, err
	}
	return candidate(pkg, ""), nil
}

// forget forgets what was read of trees: they were repaired since.
func (f *treeFacts) forget() {
	clear(f.exposed)
	clear(f.packages)
}

// members is what the packages of a generation bring to its forest. Each entry
// of the lockfile is held against its package.
func (c *checker) members(ctx context.Context, x *generation.Examined) ([]generation.Member, error) {
	trees := make(map[string]store.Key, len(x.Info.Trees))
	for _, k := range x.Info.Trees {
		trees[string(k.Root.Hash())] = k
	}
	var all []generation.Member
	for _, p := range x.Lock.Packages {
		k, ok := trees[string(p.CID.Hash())]
		if !ok {
			return nil, &profile.LockError{Why: fmt.Sprintf("it has %s, of which the generation has no tree", p.Name)}
		}
		if c.hurt[k.String()] {
			return nil, errHurt
		}
		if err := c.agrees(ctx, p); err != nil {
			return nil, err
		}
		x, err := c.trees.exposes(k)
		if err != nil {
			return nil, err
		}
		all = append(all, generation.Member{Name: p.Name, Version: p.Version, Exposed: x})
	}
	return all, nil
}

var errHurt = errors.New("a tree of it is damaged")

// agrees compares an entry of a lockfile with its package.
func (c *checker) agrees(ctx context.Context, p lock.Package) error {
	own := cmp.Or(p.Package, p.Name)
	is, err := c.trees.candidate(ctx, p.CID, own)
	if err != nil {
		return err
	}
	what := ""
	switch {
	case is.Name != own:
		what = fmt.Sprintf("name is %s", is.Name)
	case is.Version != p.Version:
		what = fmt.Sprintf("version is %s", is.Version)
	case !is.Manifest.Equals(p.Manifest):
		what = fmt.Sprintf("manifest is %s", is.Manifest)
	case p.Key != "" && is.Key != p.Key:
		what = fmt.Sprintf("key is %s", authorOfKey(is.Key))
	case is.DagSize != p.DagSize:
		what = fmt.Sprintf("dag-size is %d", is.DagSize)
	case !slices.Equal(is.Commands, p.Commands):
		what = fmt.Sprintf("commands are %s", join(is.Commands))
	}
	if what != "" {
		return &profile.LockError{Why: fmt.Sprintf("it says something else of %s than the package, whose %s", p.Name, what)}
	}
	return nil
}
