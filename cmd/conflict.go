package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store"

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
	noted := c.see(next, planned, trees)
	members := make([]generation.Member, 0, len(next.Packages))
	var bad faults
	for i := range next.Packages {
		p := &next.Packages[i]
		x, read := c.seen[p.CID]
		if !read {
			x.Exposed = noted[i].Exposed
		}
		if x.err != nil {
			bad = append(bad, fault{p.Name, c.named(p.Name, c.installedLost(p.Name, x.err))})
			continue
		}
		members = append(members, generation.Member{Name: p.Name, Version: p.Version, Exposed: x.Exposed})
	}
	maps.DeleteFunc(c.seen, func(_ cid.Cid, m exposed) bool { return m.err != nil }) // it may be healed meanwhile
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
