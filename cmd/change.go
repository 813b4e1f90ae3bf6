package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store"

	"github.com/ipfs/go-cid"
)

// change is what install, remove, upgrade and switch have in common: an edit of
// the wishes, a plan that is printed, and one transaction that carries it out.
type change struct {
	*session
	prof   *profile.Profile
	reason string // for the log: "install esbuild.car"

	// edit changes the wishes for those units that are wanted; it may run again on
	// others. It says faults where they lie with some of the units.
	edit func(wishes *lock.Profile, old *lock.Lockfile, wanted func(ref.Name) bool) error
	// strict: profile.lock has to be what profile.toml asks for.
	strict bool
	// moves says which packages may move though what is locked still matches.
	moves func(ref.Name) bool
	// wishesOnly says that no package changes, so that none is looked for.
	wishesOnly bool
	// units are the parts of the change that can be left out, in the order they
	// were typed.
	units []ref.Name
	// typed is how the command line spells a unit, if not by its name.
	typed map[ref.Name]string
	// targets are the packages that the command line names: their trees are
	// checked, and healed, even if nothing else changes.
	targets []ref.Name
	// why says why packages stay that were asked to move; may be nil.
	why func(r changeResult) []string
	// prefer are the packages that win conflicts.
	prefer []ref.Name
	// accept is what the person said of other keys; keys what is new about them.
	accept accepted
	keys   map[ref.Name]*keyNews

	ready map[store.Key]bool        // trees that are in the store for sure
	plans map[store.Key]*store.Plan // made against the store
	seen  map[cid.Cid]exposed       // by root: what was read of trees
	old   profile.State             // what the plan began from
	own   *profile.Own              // the files that a declarative profile follows, which the edit begins from; nil: none
	unown error                     // why they can't be read
	from  generation.Number
	had   func() map[cid.Cid]store.Key // its trees, by root
	notes func() []note                // on the trees of its packages

	planned     profile.State // what the last plan makes
	plannedLeft int           // how many units it leaves out

	tally
	left  []ref.Name // units that are left out because something is bad
	stuck bool       // what is bad is no single unit's fault
}

// step is what a change does to one package.
type step struct {
	lock.Change
	opened   *opened      // nil where it is removed
	platform ref.Platform // "" for a package that is not split
	plan     *store.Plan  // nil where it is removed
}

// beginChange opens a session for a change of the profile.
func (a *app) beginChange(ctx context.Context, verb, reason string, dryRun bool) (*change, error) {
	prof, err := a.openProfile()
	if err != nil {
		return nil, err
	}
	s, err := a.begin(ctx, verb)
	if err != nil {
		return nil, err
	}
	s.dryRun = dryRun
	c := &change{session: s, prof: prof, reason: reason, ready: map[store.Key]bool{}, plans: map[store.Key]*store.Plan{}}
	if err := c.begin(); err != nil {
		return nil, errors.Join(failed(verb, "", err), c.close())
	}
	return c, nil
}

// begin reads what the current generation was made from; that is empty before
// the first one.
func (c *change) begin() error {
	var err error
	if c.old, err = c.prof.State(); err != nil {
		return err
	}
	c.had = sync.OnceValue(c.treesBefore)
	if c.old.From != nil {
		c.from = c.old.From.Number
		c.readNotes(c.old.From)
	}
	c.own, c.unown = c.readOwn() // who changes nothing needs neither
	return nil
}

// carry plans, shows and does the change.
func (c *change) carry(ctx context.Context) error {
	for shown := false; ; shown = true {
		next, steps, err := c.planAll(ctx, c.old)
		if err != nil {
			return failed(c.verb, "", err)
		}
		r := c.result(next, steps)
		if c.st == nil && !c.dryRun && !r.Nothing {
			if err := c.a.checkPlaces(); err != nil { // no plan that can't be carried out
				return err
			}
		}
		if !c.a.json && !shown {
			c.showPlan(r)
		}
		if c.dryRun && !r.Nothing {
			if err := c.checkSpaces(c.need(steps)); err != nil {
				return failed(c.verb, "", err)
			}
		}
		if c.dryRun || r.Nothing && c.from == 0 && c.own == nil {
			return c.finish(r)
		}
		found := c.bring(ctx, steps)
		switch {
		case ctx.Err() != nil:
			return failed(c.verb, "", ctx.Err())
		case len(found) == 0:
			return c.commit(ctx, r)
		case !c.leaveOut(found, next.Lock):
			return failed(c.verb, "", c.tell())
		case !c.keepGoing:
			return failed(c.verb, "", c.tellAll(ctx, next.Lock, steps))
		}
	}
}

// commit makes the change and says so.
func (c *change) commit(ctx context.Context, r changeResult) error {
	done, err := c.flip(ctx)
	if err = c.a.warning(err); err != nil {
		return failed(c.verb, "", err)
	}
	c.a.pinsDue = !done.Nothing && !c.net.flags.Offline
	r = r.done(c, done)
	if c.own != nil && !c.own.Says(c.planned.Wishes, c.planned.Lock) {
		r.File = c.own.Path()
	}
	return c.finish(r)
}

// bring makes the store where there is none, and brings the planned trees there.
func (c *change) bring(ctx context.Context, steps []step) faults {
	if err := c.checkSpaces(c.need(steps)); err != nil {
		return faults{{"", err}}
	}
	defer c.tellSources()
	if c.st != nil {
		return c.ensure(ctx, steps)
	}
	if err := c.create(ctx); err != nil {
		return faults{{"", err}}
	}
	for i := range steps { // these plans were made without a store
		if steps[i].plan == nil {
			continue
		}
		if err := c.planPackage(ctx, &steps[i]); err != nil {
			return faults{{steps[i].Name, c.named(steps[i].Name, err)}}
		}
	}
	return c.ensure(ctx, steps)
}

// need is the room that the planned trees take.
func (c *change) need(steps []step) (need store.Need) {
	for _, st := range steps {
		if st.plan != nil && !c.ready[st.plan.Key] {
			need = need.Plus(st.plan.Need)
		}
	}
	return need
}

// resolve edits the wishes for those units that are wanted, and finds packages
// for them.
func (c *change) resolve(ctx context.Context, old profile.State, wanted func(ref.Name) bool) (profile.State, error) {
	if err := cmp.Or(c.unown, c.contradicted(old.Lock)); err != nil {
		return profile.State{}, err
	}
	base := c.base(old)
	wishes := base.Wishes.Clone()
	if err := c.edit(wishes, base.Lock, wanted); err != nil {
		return profile.State{}, err
	}
	switch {
	case c.strict: // the two files are all that counts
		l, err := lock.Resolve(wishes, base.Lock, func(ref.Name) []lock.Candidate { return nil }, nil)
		return c.saving(profile.State{Wishes: wishes, Lock: l}), c.strictly(l, err)
	case c.wishesOnly && c.own == nil: // a person's file may have other wishes, too
		return profile.State{Wishes: wishes, Lock: old.Lock}, nil
	}
	var failure error
	moves := func(n ref.Name) bool { return c.moves != nil && wanted(n) && c.moves(n) }
	l, err := lock.Resolve(wishes, base.Lock, c.withAccepted(c.known(ctx, wishes, base.Lock, &failure), base.Lock), moves)
	if failure != nil {
		return profile.State{}, failure
	}
	if err := contradicts(base, wishes, err); err != nil {
		return profile.State{}, err
	}
	return c.saving(profile.State{Wishes: wishes, Lock: l}), c.alike(err)
}

// contradicts says that a package is not found because the generation's own
// files say two things of it.
func contradicts(old profile.State, wishes *lock.Profile, err error) error {
	var lacks *lock.NotFoundError
	if !errors.As(err, &lacks) {
		return nil
	}
	had, _ := old.Wishes.Wish(lacks.Name)
	wants, _ := wishes.Wish(lacks.Name)
	has := old.Lock.Find(lacks.Name)
	if !had.CID.Defined() || has == nil || store.SameRoot(had.CID, has.CID) || !had.CID.Equals(wants.CID) {
		return nil
	}
	return &failure{err: fmt.Errorf("profile.toml says %s of %s, and profile.lock %s: one of them is damaged", had.CID, lacks.Name, has.CID), code: exitMalformed,
		hints: []string{"ipp check --repair puts back what can be told"}}
}

// planAll plans the change without what is bad, which it tells: all of it, not
// the first. It is an error too where nothing is left, or nothing may be left
// out.
func (c *change) planAll(ctx context.Context, old profile.State) (profile.State, []step, error) {
	for {
		next, steps, found := c.planOnce(ctx, old)
		switch {
		case ctx.Err() != nil:
			return next, nil, ctx.Err()
		case len(found) > 0 && !c.leaveOut(found, next.Lock):
			return next, nil, c.tell()
		case len(found) > 0: // what is left is another plan
		case c.stops():
			return next, nil, c.tellAll(ctx, next.Lock, steps)
		default:
			return next, steps, nil
		}
	}
}

// planOnce resolves, and finds out what each package that changes needs.
func (c *change) planOnce(ctx context.Context, old profile.State) (profile.State, []step, faults) {
	next, err := c.resolve(ctx, old, c.wanted)
	if err != nil {
		return next, nil, c.blame(ctx, old, err)
	}
	c.planned, c.plannedLeft = next, len(c.left)
	var steps []step
	var bad faults
	for _, ch := range c.changes(old.Lock, next.Lock) {
		st := step{Change: ch}
		if ch.New != nil {
			err := c.checkKey(ctx, c.keysOf(old.Lock, ch), ch)
			if err == nil {
				err = c.planPackage(ctx, &st)
			}
			if err != nil {
				bad = append(bad, fault{ch.Name, c.named(ch.Name, err)})
				continue
			}
		}
		steps = append(steps, st)
	}
	if len(bad) == 0 {
		bad = c.conflicts(ctx, next, steps)
	}
	return next, steps, bad
}

// changes are the differences, and the packages that were named though they
// stay the same.
func (c *change) changes(old, next *lock.Lockfile) []lock.Change {
	list := lock.Diff(old, next)
	for _, name := range c.targets {
		p := next.Find(name)
		if p == nil || !c.wanted(name) || slices.ContainsFunc(list, func(ch lock.Change) bool { return ch.Name == name }) {
			continue
		}
		list = append(list, lock.Change{Name: name, Old: old.Find(name), New: p})
	}
	return list
}

// ensure brings the planned trees into the store. What a package lacks, or has
// wrong, is its own fault, and ends the work only where the others have to wait
// for it.
func (c *change) ensure(ctx context.Context, steps []step) (bad faults) {
	var total int64
	for _, st := range steps {
		if st.plan != nil && !c.ready[st.plan.Key] && (!st.plan.Present || st.plan.Damaged) {
			total += st.plan.Bytes
		}
	}
	report, done := c.a.meter(c.transport(), total)
	defer done()
	for _, st := range steps {
		if st.plan == nil || c.ready[st.plan.Key] {
			continue
		}
		err := c.protect(ctx, st.plan.Root)
		if err == nil {
			err = c.st.Ensure(ctx, c.lease, st.plan, st.opened.src, report)
		}
		switch {
		case err == nil:
			c.ready[st.plan.Key] = true
			continue
		case !c.a.ofPackage(err):
			return append(bad, fault{"", c.named(st.Name, err)})
		}
		bad = append(bad, fault{st.Name, c.named(st.Name, err)})
		if !c.keepGoing {
			break
		}
	}
	return bad
}

// update is the edit of the transaction. It looks at everything again: the
// profile may have moved on since the plan was shown.
func (c *change) update(ctx context.Context, old profile.State) (profile.State, []generation.Member, error) {
	if !c.keepGoing {
		c.told, c.left, c.stuck = nil, nil, false // of an attempt before this one
	}
	for {
		next, steps, found := c.planAgain(ctx, old)
		if len(found) == 0 {
			found = c.ensure(ctx, steps)
		}
		switch {
		case ctx.Err() != nil:
			return next, nil, ctx.Err()
		case len(found) == 0:
			trees := c.st.TreesFS()
			members, bad := c.members(ctx, next.Lock, nil, trees)
			if len(bad) > 0 {
				return next, nil, bad.errorOrNil()
			}
			c.decide(next.Wishes, members, trees)
			return next, members, nil
		case !c.leaveOut(found, next.Lock) || !c.keepGoing:
			return next, nil, c.tell()
		}
	}
}

// planAgain plans only what is not ready yet. Where the profile is what the plan
// was made from, and nothing was left out since, no other packages are found.
func (c *change) planAgain(ctx context.Context, old profile.State) (profile.State, []step, faults) {
	next := c.planned
	edited, err := c.ownEdited()
	if err != nil {
		return next, nil, faults{{"", err}}
	}
	if edited || old.From != c.old.From || len(c.left) != c.plannedLeft {
		if next, err = c.resolve(ctx, old, c.wanted); err != nil {
			return next, nil, c.blame(ctx, old, err)
		}
	}
	var steps []step
	var bad faults
	for _, ch := range lock.Diff(old.Lock, next.Lock) {
		var err error
		if ch.New != nil && (edited || old.From != c.old.From) {
			err = c.checkKey(ctx, c.keysOf(old.Lock, ch), ch)
		}
		if err == nil && (ch.New == nil || c.isReady(ch.New.CID)) {
			continue
		}
		st := step{Change: ch}
		if err == nil {
			err = c.planPackage(ctx, &st)
		}
		if err != nil {
			bad = append(bad, fault{ch.Name, c.named(ch.Name, err)})
			continue
		}
		steps = append(steps, st)
	}
	return next, steps, bad
}

func (c *change) isReady(root cid.Cid) bool {
	for k := range c.ready {
		if k.Root.Equals(root) {
			return true
		}
	}
	return false
}
