package cmd

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"ipp/cmd/term"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/store"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// planPackage finds a package's source, its platform, and what the store lacks.
func (c *change) planPackage(ctx context.Context, st *step) error {
	o, err := c.sourceOf(ctx, st.New)
	if err != nil {
		return err
	}
	if err := c.otherThanLocked(st.New, o); err != nil {
		return err
	}
	if st.platform, err = o.pkg.Choose(ref.Host()); err != nil {
		return err
	}
	st.opened = o
	key := store.Key{Root: o.pkg.Root, Part: partOf(st.platform)}
	if st.plan = c.plans[key]; st.plan != nil {
		return nil
	}
	st.plan, err = c.planPart(ctx, o, st.platform)
	if o.stored && (err != nil || st.plan.Damaged) { // not all of it is here
		if far, ferr := c.fetch(ctx, o.pkg.Root, &absentError{root: o.pkg.Root}); ferr == nil {
			st.opened = far
			st.plan, err = c.planPart(ctx, far, st.platform)
		}
	}
	if err == nil && c.st != nil {
		c.plans[key] = st.plan
	}
	return c.explainLack(st, st.opened, err)
}

// otherThanLocked says that a package is not what a lockfile says of its CID.
func (c *change) otherThanLocked(p *lock.Package, o *opened) error {
	if meta := o.pkg.Meta; meta != nil && (meta.Name != ownName(p) || meta.Version != p.Version) {
		return c.lies(p, string(meta.Name), string(meta.Version))
	}
	return nil
}

// planPart finds out what bringing a part of a package into the store takes. A
// part that is larger than its author signed, or other, is an error.
func (s *session) planPart(ctx context.Context, o *opened, platform ref.Platform) (*store.Plan, error) {
	p, err := s.plan(ctx, o.pkg.Want(platform, dag.DefaultLimits()), o.src)
	return p, o.pkg.Blame(platform, err)
}

// explainLack tells blocks that a source never had from blocks that it lost.
func (c *change) explainLack(st *step, o *opened, err error) error {
	if !isAbsent(err) {
		return err
	}
	if o.stored {
		parts, perr := c.st.Parts(st.New.CID)
		if perr != nil {
			return perr
		}
		if !slices.Contains(parts, partOf(st.platform)) {
			return &absentError{name: st.New.Name, version: st.New.Version, root: st.New.CID, platform: st.platform, has: parts}
		}
	}
	return &failure{verb: c.verb, object: string(st.New.Name), err: err, code: exitMalformed,
		hints: []string{"the package is not whole here: get it again, then: ipp install FILE.car"}}
}

// sourceOf is source for a locked package.
func (c *change) sourceOf(ctx context.Context, p *lock.Package) (*opened, error) {
	o, err := c.source(ctx, p.CID)
	if absent, is := errors.AsType[*absentError](err); is {
		absent.name, absent.version = p.Name, p.Version
		if c.own != nil {
			absent.hint = "say who has it: " + c.a.again("--from", "SOURCE") + ", where SOURCE is a URL, a peer or a FILE.car"
		}
	}
	return o, err
}

// source is where a package's blocks come from: the command line, or the store.
func (s *session) source(ctx context.Context, root cid.Cid) (*opened, error) {
	for _, o := range s.opened {
		if o.pkg.Root.Equals(root) {
			return o, nil
		}
	}
	o, err := s.openStored(ctx, root)
	if _, none := errors.AsType[*absentError](err); none {
		return s.fetch(ctx, root, err)
	}
	return o, err
}

// notices are what a person should know of a package before having it.
func notices(o *opened, platform ref.Platform) []string {
	var list []string
	if platform == "darwin-amd64" && ref.Host() == "darwin-arm64" {
		list = append(list, "built for darwin-amd64: it runs under Rosetta")
	}
	if o.pkg.Meta == nil {
		return append(list, "it has no package.toml")
	}
	for _, what := range o.pkg.Meta.Inert() {
		list = append(list, "ipp does not act on its "+term.Safe(what))
	}
	return list
}

func isAbsent(err error) bool { return errors.Is(err, fs.ErrNotExist) }
