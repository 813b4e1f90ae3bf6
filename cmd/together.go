package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"ipp/lock"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store/dag"

	multierror "github.com/hashicorp/go-multierror"
)

// This file is what holds for a change of several packages: all that is wrong
// is told, not the first of it, and the packages that are good wait for the bad
// ones, unless the person says --keep-going.

type keepGoingFlag struct {
	KeepGoing bool `short:"k" help:"Do what can be done; what is bad is left out, named, and decides the exit code."`
}

// tally is what was found bad.
type tally struct {
	keepGoing bool // what is bad does not keep the rest from being done
	told      []error
	lost      int // arguments that name nothing that could be worked on
}

// stops says that what is bad ends the work.
func (t *tally) stops() bool { return len(t.told) > 0 && !t.keepGoing }

// tell is all that was found bad; where there is anything good, with a word on
// how to have that.
func (t *tally) tell(a *app, good bool) error {
	if len(t.told) == 0 {
		return nil
	}
	if good && !t.keepGoing {
		a.advice = "nothing was changed; to do it without these: add --keep-going"
	}
	return multierror.Append(nil, t.told...)
}

// leftOut says how many things were bad.
func leftOut(n int) string {
	if n == 1 {
		return "1 package was left out"
	}
	return fmt.Sprintf("%d packages were left out", n)
}

// fault is what is wrong with one package of a change.
type fault struct {
	name ref.Name // of the package; "": of none alone
	err  error
}

// faults lets an edit say which packages can't be as it was asked.
type faults []fault

func (f faults) Error() string { return f.errorOrNil().Error() }

func (f faults) errorOrNil() error {
	var all *multierror.Error
	for _, x := range f {
		all = multierror.Append(all, x.err)
	}
	return all.ErrorOrNil()
}

// wanted says whether a package that the command line names is still part of
// the change.
func (c *change) wanted(n ref.Name) bool { return !slices.Contains(c.left, n) }

// blame says whose fault it is that the wishes can't be resolved: of those that
// fail alone, and, where each of them would do, of the later ones that the
// earlier leave no room for.
func (c *change) blame(ctx context.Context, old profile.State, cause error) faults {
	var several faults
	if errors.As(cause, &several) {
		return several
	}
	units := slices.DeleteFunc(slices.Clone(c.units), func(n ref.Name) bool { return !c.wanted(n) })
	if len(units) == 1 {
		return faults{{units[0], c.named(units[0], cause)}}
	}
	try := func(some []ref.Name) error {
		_, err := c.resolve(ctx, old, func(n ref.Name) bool { return slices.Contains(some, n) })
		return err
	}
	if err := try(nil); err != nil || len(units) == 0 {
		return faults{{"", cause}}
	}
	var bad faults
	var good []ref.Name
	for _, n := range units {
		if err := try([]ref.Name{n}); err != nil {
			bad = append(bad, fault{n, c.named(n, err)})
			continue
		}
		good = append(good, n)
	}
	if len(bad) > 0 && try(good) == nil {
		return bad
	}
	var fit []ref.Name
	for _, n := range good {
		if err := try(append(fit, n)); err != nil {
			bad = append(bad, fault{n, c.named(n, err)})
			continue
		}
		fit = append(fit, n)
	}
	if len(bad) == 0 { // it passed meanwhile, as who is busy does; but nothing was resolved
		return faults{{"", cause}}
	}
	return bad
}

// named says which package of the command line err is about, where it does not
// say so itself.
func (c *change) named(n ref.Name, err error) error {
	if text, ok := c.typed[n]; ok {
		return failed(c.verb, text, err)
	}
	return failed(c.verb, string(n), err)
}

// leaveOut takes what is at fault out of the change: itself, or what needs it.
// It reports false where that is no single package's doing, and where nothing
// would be left to do.
func (c *change) leaveOut(found faults, next *lock.Lockfile) bool {
	var out []ref.Name
	for _, f := range found {
		c.told = append(c.told, f.err)
		units := c.behind(f.name, next)
		c.stuck = c.stuck || len(units) == 0
		out = append(out, units...)
	}
	for _, n := range out {
		if c.wanted(n) {
			c.left = append(c.left, n)
		}
	}
	return !c.stuck && slices.ContainsFunc(c.units, c.wanted)
}

// behind lists what of the command line brought a package along.
func (c *change) behind(name ref.Name, next *lock.Lockfile) []ref.Name {
	var units []ref.Name
	seen := map[ref.Name]bool{}
	for queue := []ref.Name{name}; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		if n == "" || seen[n] {
			continue
		}
		seen[n] = true
		if slices.Contains(c.units, n) && c.wanted(n) {
			units = append(units, n)
			continue
		}
		if next == nil {
			continue
		}
		if p := next.Find(n); p != nil {
			queue = append(queue, p.NeededBy...)
		}
	}
	return units
}

// tell is all that was found bad.
func (c *change) tell() error {
	return c.tally.tell(c.a, !c.stuck && slices.ContainsFunc(c.units, c.wanted))
}

// tellAll reads what is left as well before it tells: the change fails in any
// case.
func (c *change) tellAll(ctx context.Context, next *lock.Lockfile, steps []step) error {
	found := c.readAll(ctx, slices.DeleteFunc(steps, func(st step) bool { return len(c.behind(st.Name, next)) == 0 }))
	if err := ctx.Err(); err != nil {
		return err
	}
	c.leaveOut(found, next)
	return c.tell()
}

// ofPackage says that an error is about what a package is, so that another
// package may do better; a full disk is not.
func (a *app) ofPackage(err error) bool {
	for _, e := range flatten(err) {
		if code := a.explain(e).Code; code != exitMalformed && code != exitNotFound {
			return false
		}
	}
	return true
}

// readAll verifies every block of what is to come from outside, and writes
// nothing: once a change is to fail, all that is bad is found at once.
func (c *change) readAll(ctx context.Context, steps []step) (bad faults) {
	for _, st := range steps {
		if st.plan == nil || st.opened.stored || st.opened.remote || c.ready[st.plan.Key] {
			continue
		}
		if err := c.readParts(ctx, st.opened, []ref.Platform{st.platform}); err != nil {
			bad = append(bad, fault{st.Name, c.named(st.Name, err)})
		}
	}
	return bad
}

// readParts verifies every block of parts of a package.
func (s *session) readParts(ctx context.Context, o *opened, platforms []ref.Platform) error {
	report, done := s.a.meter("checking "+label(o.pkg), int64(o.pkg.DagSize))
	defer done()
	for _, platform := range platforms {
		want := o.pkg.Want(platform, dag.DefaultLimits())
		opt := dag.WalkOptions{Limits: want.Limits, Omit: func(path string) bool { return slices.Contains(want.Omit, path) }}
		if err := dag.WriteCAR(ctx, io.Discard, o.src, o.pkg.Root, opt, report); err != nil {
			return err
		}
	}
	return nil
}
