package cmd

import (
	"context"
	"fmt"
	"slices"

	"ipp/lock"
	"ipp/lock/ref"
)

type removeCmd struct {
	Refs []string `arg:"" name:"NAME" help:"Installed packages: names, CIDs or the paths they came from."`
	keepGoingFlag
	dryRunFlag
	jsonFlag
}

func (removeCmd) doc() doc {
	return doc{
		usage: "remove NAME… [--keep-going] [--dry-run]",
		about: `Makes a generation without these programs. Their files stay in the store until no
			generation needs them and ipp gc runs, so the change can be taken back.`,
		examples: []string{"ipp remove esbuild", "ipp remove ./esbuild.car"},
	}
}

func (r *removeCmd) run(ctx context.Context, a *app) error {
	c, err := a.beginChange(ctx, "remove", reason("remove", r.Refs...), r.DryRun)
	if err != nil {
		return err
	}
	defer c.close()
	c.keepGoing = r.KeepGoing
	names, err := c.installedNames(ctx, r.Refs)
	if err != nil {
		return err
	}
	c.edit = func(wishes *lock.Profile, old *lock.Lockfile, wanted func(ref.Name) bool) error {
		going := slices.DeleteFunc(slices.Clone(names), func(n ref.Name) bool { return !wanted(n) })
		if bad := needed(old, going); len(bad) > 0 {
			return bad
		}
		for _, n := range going {
			wishes.Drop(n)
		}
		return nil
	}
	return c.carry(ctx)
}

// needed says who needs what is to be removed.
func needed(l *lock.Lockfile, names []ref.Name) (bad faults) {
	for _, n := range names {
		p := l.Find(n)
		if p == nil {
			continue // somebody else removed it meanwhile
		}
		others := slices.DeleteFunc(slices.Clone(p.NeededBy), func(o ref.Name) bool { return slices.Contains(names, o) })
		if len(others) > 0 {
			bad = append(bad, fault{n, &failure{verb: "remove", object: string(n), code: exitConflict,
				err:   fmt.Errorf("needed by %s", join(others)),
				hints: []string{fmt.Sprintf("remove both: ipp remove %s %s", n, others[0])}}})
		}
	}
	return bad
}
