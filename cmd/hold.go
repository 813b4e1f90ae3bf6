package cmd

import (
	"context"
	"errors"
	"fmt"

	"ipp/cmd/term"
	"ipp/lock"
	"ipp/lock/ref"
)

type holdCmd struct {
	Refs []string `arg:"" name:"NAME" help:"Installed packages: names, CIDs or the paths they came from."`
	keepGoingFlag
	dryRunFlag
	jsonFlag
}

func (holdCmd) doc() doc {
	return doc{
		usage: "hold NAME… [--keep-going] [--dry-run]",
		about: `Keeps programs at the version that is installed: ipp upgrade leaves them, and says so,
			until ipp unhold. ipp switch and ipp install of another version still move one when
			they name it; it is held there then.`,
		examples: []string{"ipp hold esbuild", "ipp hold esbuild biome"},
	}
}

func (h *holdCmd) run(ctx context.Context, a *app) error {
	return a.hold(ctx, "hold", h.Refs, true, h.KeepGoing, h.DryRun)
}

type unholdCmd struct {
	Refs []string `arg:"" name:"NAME" help:"Installed packages: names, CIDs or the paths they came from."`
	keepGoingFlag
	dryRunFlag
	jsonFlag
}

func (unholdCmd) doc() doc {
	return doc{
		usage:    "unhold NAME… [--keep-going] [--dry-run]",
		about:    `Lets ipp upgrade move programs again that ipp hold kept at their version.`,
		examples: []string{"ipp unhold esbuild", "ipp unhold esbuild && ipp upgrade esbuild"},
	}
}

func (u *unholdCmd) run(ctx context.Context, a *app) error {
	return a.hold(ctx, "unhold", u.Refs, false, u.KeepGoing, u.DryRun)
}

// hold makes a generation in which these packages are held, or are not.
func (a *app) hold(ctx context.Context, verb string, refs []string, held, keepGoing, dryRun bool) error {
	c, err := a.beginChange(ctx, verb, reason(verb, refs...), dryRun)
	if err != nil {
		return err
	}
	defer c.close()
	c.keepGoing, c.wishesOnly = keepGoing, true
	names, err := c.installedNames(ctx, refs)
	if err != nil {
		return err
	}
	c.edit = func(wishes *lock.Profile, old *lock.Lockfile, wanted func(ref.Name) bool) error {
		var bad faults
		for _, n := range names {
			w, wished := wishes.Wish(n)
			switch p := old.Find(n); {
			case !wanted(n) || p == nil: // somebody else removed it meanwhile
			case !wished:
				bad = append(bad, fault{n, notWished(c, p)})
			default:
				w.Hold = held
				wishes.Put(w)
			}
		}
		if len(bad) > 0 {
			return bad
		}
		return nil
	}
	c.why = func(changeResult) []string { return c.asBefore(names, held) }
	return c.carry(ctx)
}

// notWished says that a package is only there because others need it, so that
// there is no wish to hold.
func notWished(c *change, p *lock.Package) error {
	return &failure{verb: c.verb, object: string(p.Name), code: exitNotFound,
		err:   errors.New("nobody asked for it: it is needed by " + join(p.NeededBy)),
		hints: []string{"ask for it first: " + c.a.own("install %s", quote(fmt.Sprintf("%s@%s", p.Name, p.Version)))}}
}

// asBefore names those that are held already, or not held.
func (c *change) asBefore(names []ref.Name, held bool) (notes []string) {
	for _, n := range names {
		w, wished := c.base(c.old).Wishes.Wish(n)
		p := c.base(c.old).Lock.Find(n)
		switch {
		case !wished || p == nil || w.Hold != held || !c.wanted(n):
		case held:
			notes = append(notes, fmt.Sprintf("%s is held at %s already", n, term.Safe(string(p.Version))))
		default:
			notes = append(notes, fmt.Sprintf("%s is not held", n))
		}
	}
	return notes
}
