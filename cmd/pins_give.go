package cmd

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"ipp/cmd/term"
	"ipp/generation"
	"ipp/lock"
	"ipp/store"
	"ipp/store/dag"
	"ipp/store/ipfs/pin"
	"ipp/store/pack"

	"github.com/ipfs/go-cid"
)

// giver gives a node the blocks of generations.
type giver struct {
	*session
	keeper *pinKeeper
	stuck  map[cid.Cid]error // what the node was told to get from others, and could not
}

// give gives the node a generation: its own blocks, and those of its packages that
// are here, but for those of its parent where that is pinned. Where it is not, the node
// may have it all, or is only to be asked, and is asked first.
func (g *giver) give(ctx context.Context, w pin.Wanted, little bool, has func(cid.Cid) bool) error {
	from := g.keeper.gens[w.CID]
	made, err := from.prof.Get(from.number)
	if err != nil {
		return &pin.WriteError{Err: err}
	}
	own, err := newProfileDAG(made)
	if err == nil && !own.root.Equals(w.CID) {
		err = fmt.Errorf("%s was another generation a moment ago", w.Names[0])
	}
	if err != nil {
		return &pin.WriteError{Err: err}
	}
	if err := g.keeper.kubo.Import(ctx, func(out io.Writer) error { return own.write(ctx, out) }); err != nil {
		return err
	}
	packages, lacked := g.missing(from, made, has)
	if little || len(packages) == len(made.Lock.Packages) {
		wait := g.keeper.how.wait
		wait.Fetch = false
		if err := g.keeper.kubo.Have(ctx, w.CID, wait); little || err == nil || !pin.Lacks(err) {
			return err
		}
	}
	for _, do := range []func(context.Context, *parcel) error{g.others, g.send} {
		for _, p := range packages {
			one, err := g.open(ctx, p)
			if err != nil {
				return &pin.WriteError{Err: err}
			}
			one.lacked = lacked(p.CID)
			err = do(ctx, one)
			one.close()
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// missing are the packages of a generation that its parent has not, or all, where
// that is not pinned; lacked says which of them the node could not get then.
func (g *giver) missing(from wantedGeneration, made *generation.Generation, has func(cid.Cid) bool) (list []lock.Package, lacked func(cid.Cid) bool) {
	none := func(cid.Cid) bool { return false }
	parent, err := from.prof.Get(made.Info.Parent)
	if err != nil {
		return made.Lock.Packages, none
	}
	inParent := func(c cid.Cid) bool {
		return slices.ContainsFunc(parent.Lock.Packages, func(o lock.Package) bool { return o.CID.Equals(c) })
	}
	root := g.keeper.cidOf(from.prof.Name(), int(made.Info.Parent))
	switch {
	case has(root):
		return slices.DeleteFunc(slices.Clone(made.Lock.Packages), func(p lock.Package) bool { return inParent(p.CID) }), none
	case slices.ContainsFunc(g.keeper.record.Pins, func(m pin.Made) bool { return m.CID.Equals(root) && m.State == pin.Lacking }):
		return made.Lock.Packages, inParent
	}
	return made.Lock.Packages, none
}

// parcel is a package that a node is given.
type parcel struct {
	lock.Package
	src   *store.TreeBlocks // nil: nothing of it is here
	omit  func(string) bool
	lacks []dag.Entry // the platforms that are not here

	lacked bool // the node could not get them before
}

func (p *parcel) String() string { return term.Safe(fmt.Sprintf("%s %s", p.Name, p.Version)) }

func (p *parcel) close() {
	if p.src != nil {
		_ = p.src.Close() // only read
	}
}

// open opens what is here of a package.
func (g *giver) open(ctx context.Context, p lock.Package) (*parcel, error) {
	one := &parcel{Package: p}
	if g.st == nil {
		return one, nil
	}
	if err := g.protect(ctx, p.CID); err != nil {
		return nil, err
	}
	src, err := g.st.Blocks(ctx, p.CID)
	if isAbsent(err) {
		return one, nil
	}
	if err != nil {
		return nil, err
	}
	one.src = src
	if err := one.look(ctx); err != nil {
		one.close()
		return nil, err
	}
	return one, nil
}

// look finds out which platforms are here.
func (p *parcel) look(ctx context.Context) error {
	pkg, err := pack.Open(ctx, p.src, p.CID)
	if err != nil {
		return err
	}
	here, lacks, err := platformsIn(ctx, p.src, pkg)
	if err != nil {
		return err
	}
	p.omit = omitted(&opened{pkg: pkg}, here)
	for _, platform := range lacks {
		e, err := dag.List(ctx, p.src, p.CID, dag.DefaultLimits())
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(e, func(e dag.Entry) bool { return e.Path == string(platform) }); i >= 0 {
			p.lacks = append(p.lacks, e[i])
		}
	}
	return nil
}

// others has the node get from others what is not here, before it is given the rest:
// a pin is of all platforms. Only a thorough run waits for the same part again.
func (g *giver) others(ctx context.Context, p *parcel) error {
	lacks := p.lacks
	if p.src == nil {
		lacks = []dag.Entry{{CID: p.CID}}
	}
	for _, e := range lacks {
		err, tried := g.stuck[e.CID]
		if !tried {
			wait := g.keeper.how.wait
			wait.Fetch = g.keeper.how.thorough || len(g.stuck) == 0 && !p.lacked
			if err = g.keeper.kubo.Have(ctx, e.CID, wait); err != nil && pin.Lacks(err) {
				g.stuck[e.CID] = err
			}
		}
		if err != nil && pin.Lacks(err) {
			return &partError{strings.TrimPrefix(term.Safe(e.Path)+" of "+p.String(), " of "), err}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// partError says what of a package nobody has.
type partError struct {
	what string
	err  error
}

func (e *partError) Error() string {
	return e.what + " is not here, and the node could not get it from others"
}

func (e *partError) Unwrap() error { return e.err }

// send gives the node what is here of a package.
func (g *giver) send(ctx context.Context, p *parcel) error {
	if p.src == nil {
		return nil
	}
	report, done := g.a.meter("sending "+p.String()+" to "+term.Safe(g.keeper.kubo.Name()), int64(p.DagSize))
	defer done()
	return g.keeper.kubo.Import(ctx, func(out io.Writer) error {
		return dag.WriteCAR(ctx, out, p.src, p.CID, dag.WalkOptions{Limits: dag.DefaultLimits(), Omit: p.omit}, report)
	})
}

// Block implements dag.Blocks.
func (p *profileDAG) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	if data, ok := p.leaves[c]; ok {
		return data, nil
	}
	return p.nodes.Block(ctx, c)
}

// write writes them as a CAR, without the packages that they refer to.
func (p *profileDAG) write(ctx context.Context, w io.Writer) error {
	opt := dag.WalkOptions{Limits: dag.DefaultLimits(), Omit: func(path string) bool { return strings.HasPrefix(path, "packages/") }}
	return dag.WriteCAR(ctx, w, p, p.root, opt, nil)
}
