package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ipp/cmd/term"
	"ipp/lock"
	"ipp/lock/ref"
)

type upgradeCmd struct {
	Refs []string `arg:"" optional:"" name:"NAME" help:"Installed packages; all of them where none is named."`
	preferFlag
	keepGoingFlag
	acceptFlag
	dryRunFlag
	jsonFlag
}

func (upgradeCmd) doc() doc {
	return doc{
		usage: "upgrade [NAME…] [--prefer NAME] [--keep-going] [--accept-key KEY] [--dry-run]",
		about: `Moves programs to the newest version that the store knows and their wish allows.
			What was installed from a CAR file, a directory or a CID stays, because it was wished
			for exactly; ipp switch NAME@CONSTRAINT turns such a wish into a constraint. What ipp
			hold holds stays too.

			If a new version is bad nothing moves, unless --keep-going says to move the others. What
			somebody else signed is left aside, and named, unless --accept-key says otherwise.`,
		examples: []string{"ipp upgrade", "ipp upgrade esbuild", "ipp upgrade --dry-run"},
	}
}

func (u *upgradeCmd) run(ctx context.Context, a *app) error {
	prefer, err := u.names("upgrade")
	if err != nil {
		return err
	}
	accept, err := u.accepted("upgrade")
	if err != nil {
		return err
	}
	c, err := a.beginChange(ctx, "upgrade", reason("upgrade", u.Refs...), u.DryRun)
	if err != nil {
		return err
	}
	defer c.close()
	c.prefer, c.keepGoing, c.accept = prefer, u.KeepGoing, accept
	names, err := c.installedNames(ctx, u.Refs)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		for _, p := range c.base(c.old).Lock.Packages {
			c.units = append(c.units, p.Name)
		}
	}
	c.edit = func(*lock.Profile, *lock.Lockfile, func(ref.Name) bool) error { return nil }
	c.moves = func(n ref.Name) bool { return len(names) == 0 || slices.Contains(names, n) }
	c.why = func(r changeResult) []string { return c.staying(ctx, names, r) }
	return c.carry(ctx)
}

// newerNote says how to have a newer version than the wish allows.
func (c *change) newerNote(p lock.Package, v ref.Version) string {
	switch w, _ := c.base(c.old).Wishes.Wish(p.Name); {
	case w.Hold:
		return c.heldNote(p) + "; " + term.Safe(string(v)) + " is known"
	case !w.CID.Defined() && w.Constraint.Match(v): // upgrade may move it
		return fmt.Sprintf("%s %s is known: %s", p.Name, term.Safe(string(v)), c.a.own("upgrade %s", p.Name))
	}
	return fmt.Sprintf("%s %s is known: %s", p.Name, term.Safe(string(v)), c.a.own("switch %s", quote(fmt.Sprintf("%s@%s", p.Name, v))))
}

// heldNote says that a package is held, and how to have it move again.
func (c *change) heldNote(p lock.Package) string {
	return fmt.Sprintf("%s stays at %s: it is held (%s lets it go)", p.Name, term.Safe(string(p.Version)), c.a.own("unhold %s", p.Name))
}

// backNote says why a newer version is not taken: the wish, or else what other
// packages need.
func (c *change) backNote(p lock.Package, w lock.Wish, v ref.Version) string {
	head := fmt.Sprintf("%s stays at %s: ", p.Name, term.Safe(string(p.Version)))
	if w.Constraint.Match(v) {
		return head + term.Safe(string(v)) + " is known, but what else is installed leaves no room for it"
	}
	return head + fmt.Sprintf("the profile asks for %s; ", w.Constraint) + strings.TrimPrefix(c.newerNote(p, v), string(p.Name)+" ")
}

// staying says why packages stay: exact wishes, held ones, wishes that hold
// back. Of those not named on the command line only some are told, and a count.
func (c *change) staying(ctx context.Context, names []ref.Name, r changeResult) []string {
	var notes []string
	if len(c.base(c.old).Lock.Packages) == 0 {
		return []string{"nothing is installed in profile " + string(c.prof.Name()) + "; to begin: " + c.a.own("install REF")}
	}
	var back []string // by their wishes
	exact := 0
	for _, p := range c.base(c.old).Lock.Packages {
		w, wished := c.base(c.old).Wishes.Wish(p.Name)
		named := slices.Contains(names, p.Name)
		moved := slices.ContainsFunc(r.Changes, func(l changeLine) bool { return l.Name == string(p.Name) && !l.same() })
		switch {
		case !wished || moved || len(names) > 0 && !named || !c.wanted(p.Name):
		case w.Hold:
			notes = append(notes, c.heldNote(p))
		case w.CID.Defined() && (named || exact < 5):
			notes = append(notes, fmt.Sprintf("%s stays at %s: it was installed as exactly this package; let it follow versions: %s",
				p.Name, term.Safe(string(p.Version)), c.a.own("switch %s", quote(fmt.Sprintf("%s@^%s", p.Name, p.Version)))))
			exact++
		case w.CID.Defined():
			exact++
		case c.strangerNote(p, w) != "":
			notes = append(notes, c.strangerNote(p, w))
		case !w.CID.Defined() && c.newest(ctx, p) != "":
			back = append(back, c.backNote(p, w, c.newest(ctx, p)))
		case named:
			notes = append(notes, fmt.Sprintf("%s stays at %s: the store knows nothing newer that matches %s", p.Name, term.Safe(string(p.Version)), w.Constraint))
		}
	}
	notes = append(notes, back[:min(len(back), max(5, len(names)))]...)
	if more := len(back) - max(5, len(names)); more > 0 {
		notes = append(notes, fmt.Sprintf("… and %d more that their wishes hold back", more))
	}
	if exact > 5 {
		notes = append(notes, fmt.Sprintf("… and %d more like these", exact-5))
	}
	return notes
}
