package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store"
	"ipp/store/pack"

	"github.com/ipfs/go-cid"
)

type preferFlag struct {
	Prefer []string `sep:"none" placeholder:"NAME" help:"The package whose files win where two bring the same; may be repeated."`
}

// names parses the flag.
func (p preferFlag) names(verb string) ([]ref.Name, error) {
	var names []ref.Name
	for _, text := range p.Prefer {
		n, err := ref.ParseName(text)
		if err != nil {
			return nil, failed(verb, "--prefer "+text, err)
		}
		names = append(names, n)
	}
	return names, nil
}

// trees is the store's directory of trees as it will be once the steps are
// taken; nothing of them is written yet.
func (c *change) trees(ctx context.Context, steps []step) fs.FS {
	var here fs.FS
	if c.st != nil {
		here = c.st.TreesFS()
	}
	var coming []store.Planned
	for _, st := range steps {
		if st.plan != nil && !c.ready[st.plan.Key] {
			coming = append(coming, store.Planned{Plan: st.plan, Source: st.opened.src})
		}
	}
	return store.Upcoming(ctx, here, coming...)
}

// conflicts plans the forest of a new state, so that what two packages both
// bring is told before anything is written. It writes into the wishes who wins
// where the person said so.
func (c *change) conflicts(ctx context.Context, next profile.State, steps []step) faults {
	trees := c.trees(ctx, steps)
	members, bad := c.members(ctx, next.Lock, steps, trees)
	if len(bad) > 0 {
		return bad
	}
	for _, n := range c.prefer {
		if next.Lock.Find(n) == nil && c.wanted(n) {
			return faults{{"", &failure{verb: c.verb, object: "--prefer " + string(n), code: exitNotFound,
				err: errors.New("no package of that name would be installed"), hints: []string{c.a.own("list") + " shows what is installed"}}}}
		}
	}
	c.decide(next.Wishes, members, trees)
	_, err := generation.Plan(members, next.Wishes.Prefer, trees)
	var found *generation.ConflictError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &found):
		return faults{{"", err}}
	}
	type pair [2]ref.Name
	var pairs []pair
	between := map[pair][]generation.Conflict{}
	for _, x := range found.Conflicts {
		p := pair{x.A.Name, x.B.Name}
		if between[p] == nil {
			pairs = append(pairs, p)
		}
		between[p] = append(between[p], x)
	}
	for _, p := range pairs {
		err := failed(c.verb, "", &conflictError{generation.ConflictError{Conflicts: between[p]}})
		bad = append(bad, fault{c.later(p[0], p[1], next.Lock), err})
	}
	return bad
}

// conflictError is what two packages both bring, as people read it.
type conflictError struct{ generation.ConflictError }

func (e *conflictError) Error() string {
	const most = 5 // paths
	var said []string
	for _, x := range e.Conflicts[:min(most, len(e.Conflicts))] {
		said = append(said, x.Path)
	}
	if more := len(e.Conflicts) - most; more > 0 {
		said = append(said, fmt.Sprintf("%d more", more))
	}
	what, last := strings.Join(said, ", "), len(said)-1
	if last > 0 {
		what = strings.Join(said[:last], ", ") + " and " + said[last]
	}
	verb := "is"
	if last > 0 {
		verb = "are"
	}
	x := e.Conflicts[0]
	return fmt.Sprintf("%s %s in both %s %s and %s %s", what, verb, x.A.Name, x.A.Version, x.B.Name, x.B.Version)
}

func (e *conflictError) Unwrap() error { return &e.ConflictError }

// later is which of two packages the command line brings along, if it does so
// with both the one that comes later.
func (c *change) later(a, b ref.Name, next *lock.Lockfile) ref.Name {
	last := func(n ref.Name) int {
		at := -1
		for _, unit := range c.behind(n, next) {
			at = max(at, slices.Index(c.units, unit))
		}
		return at
	}
	if last(a) > last(b) {
		return a
	}
	return b
}

// members are the packages of a new lockfile, in trees. The lease holds them
// from here on.
func (c *change) members(ctx context.Context, next *lock.Lockfile, steps []step, trees fs.FS) ([]generation.Member, faults) {
	roots := make([]cid.Cid, 0, len(next.Packages))
	for _, p := range next.Packages {
		roots = append(roots, p.CID)
	}
	if err := c.protect(ctx, roots...); err != nil {
		return nil, faults{{"", err}}
	}
	planned := map[ref.Name]*store.Plan{}
	for _, st := range steps {
		planned[st.Name] = st.plan
	}
	c.see(next, planned, trees)
	members := make([]generation.Member, 0, len(next.Packages))
	var bad faults
	for _, p := range next.Packages {
		m := c.seen[p.CID]
		if m.err != nil {
			bad = append(bad, fault{p.Name, c.named(p.Name, c.installedLost(p.Name, m.err))})
			continue
		}
		member := *m.Member
		member.Name, member.Version = p.Name, p.Version
		members = append(members, member)
	}
	maps.DeleteFunc(c.seen, func(_ cid.Cid, m *exposed) bool { return m.err != nil }) // it may be healed meanwhile
	return members, bad
}

// installedLost says that what the store does not have was installed: it is
// damage, not something that the person asked for in vain.
func (c *change) installedLost(name ref.Name, err error) error {
	var absent *absentError
	if !errors.As(err, &absent) {
		return err
	}
	return &failure{verb: c.verb, err: absent, code: exitMalformed,
		hints: []string{"the store lost it: install it again from its CAR file, or do without: " + c.a.own("remove %s", name)}}
}

// exposed is what a package's tree exposes, or why that can't be told.
type exposed struct {
	*generation.Member // without name and version
	err                error
}

// see finds out what packages expose. A tree is immutable, so once is enough. What
// the current generation did not note is read, two small files and a directory a
// package: in a large profile all cores help.
func (c *change) see(next *lock.Lockfile, planned map[ref.Name]*store.Plan, trees fs.FS) {
	if len(c.seen) == 0 {
		c.seen = make(map[cid.Cid]*exposed, len(next.Packages))
	}
	var unseen []*lock.Package
	for i := range next.Packages {
		p := &next.Packages[i]
		if _, known := c.seen[p.CID]; !known {
			c.seen[p.CID] = nil // it may be here under another name too
			unseen = append(unseen, p)
		}
	}
	c.forgetLost(unseen)
	found := make([]exposed, len(unseen))
	var i atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(unseen)) {
		workers.Go(func() {
			for n := int(i.Add(1)) - 1; n < len(unseen); n = int(i.Add(1)) - 1 {
				p := unseen[n]
				found[n] = c.exposed(p, planned[p.Name], trees)
			}
		})
	}
	workers.Wait()
	for n, p := range unseen {
		c.seen[p.CID] = &found[n]
	}
}

// forgetLost forgets what the current generation noted of trees that are not
// there any more.
func (c *change) forgetLost(packages []*lock.Package) {
	keys := make([]store.Key, 0, len(packages))
	for _, p := range packages {
		if m := c.noted(p.CID); m != nil {
			keys = append(keys, m.Key)
		}
	}
	if len(keys) == 0 {
		return
	}
	lost, err := c.lease.Missing(keys)
	if err != nil {
		lost = keys // to read them tells
	}
	for _, k := range lost {
		delete(c.knows, k)
	}
}

// exposed reads a package's tree, planned or present.
func (c *change) exposed(p *lock.Package, plan *store.Plan, trees fs.FS) exposed {
	if m := c.noted(p.CID); m != nil && plan == nil {
		return exposed{Member: m}
	}
	t, err := c.treeOf(p, plan, trees)
	if err != nil {
		return exposed{err: err}
	}
	m, err := exposedBy(t)
	return exposed{&m, err}
}

// exposedBy is what a tree brings to a forest.
func exposedBy(t *pack.Tree) (generation.Member, error) {
	commands, err := t.Commands()
	if err != nil {
		return generation.Member{}, err
	}
	return generation.Member{Key: t.Key, Bases: t.Bases(), Commands: commands}, nil
}

// noted is what the current generation noted of its tree of a package, or nil.
func (c *change) noted(root cid.Cid) *generation.Member {
	k, ok := c.usable(root)
	if !ok || c.st == nil {
		return nil
	}
	return c.knows[k]
}

// usable is the tree that the current generation uses of a package, unless this
// is another machine now.
func (c *change) usable(root cid.Cid) (store.Key, bool) {
	k, ok := c.had[root]
	return k, ok && (k.Part == store.AnyPart || k.Part == string(ref.Host()))
}

func (c *change) treeOf(p *lock.Package, plan *store.Plan, trees fs.FS) (*pack.Tree, error) {
	if plan != nil {
		return pack.PlannedTree(trees, plan.Key)
	}
	if c.st == nil {
		return nil, &absentError{name: p.Name, version: p.Version, root: p.CID}
	}
	// To choose another one is to list what the store has.
	if k, ok := c.usable(p.CID); ok {
		if t, err := pack.OpenTree(c.st, k); err == nil {
			return t, nil
		}
	}
	return c.tree(*p)
}

// decide writes into the wishes who wins where the person said who is to win.
// Conflicts that are left are told.
func (c *change) decide(wishes *lock.Profile, members []generation.Member, trees fs.FS) {
	if len(c.prefer) == 0 {
		return
	}
	var found *generation.ConflictError // with what was said before left aside: it may be said otherwise now
	if _, err := generation.Plan(members, nil, trees); !errors.As(err, &found) {
		return
	}
	for _, x := range found.Conflicts {
		for _, n := range c.prefer {
			if x.A.Name == n || x.B.Name == n {
				wishes.Prefer[x.Path] = n
				break
			}
		}
	}
}
