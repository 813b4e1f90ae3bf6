package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ipp/lock"
	"ipp/lock/ref"
	"ipp/store/dag"
)

type installCmd struct {
	Refs []string `arg:"" name:"REF" help:"Paths, CIDs or names of packages."`
	As   string   `placeholder:"NAME" help:"Install it under another name."`
	preferFlag
	keepGoingFlag
	acceptFlag
	fetchFlags
	dryRunFlag
	jsonFlag
}

func (installCmd) doc() doc {
	return doc{
		usage: "install REF… [--from SOURCE]… [--as NAME] [--prefer NAME] [--keep-going] [--accept-key KEY] [--dry-run]",
		about: `Puts packages into the store and their programs into the profile. Several packages
			are one generation, and one command takes all of them back. If one is bad nothing is
			installed, unless --keep-going says to install the others.

			A CAR file, a directory or a CID is installed as exactly that; a name gets the newest
			version that the store knows, and follows its constraint when upgraded. Installing a
			damaged package again heals it.`,
		examples: []string{
			"ipp install ./esbuild.car",
			"ipp install esbuild@0.24.2",
			"ipp install ./esbuild.car --as esbuild-next",
			"ipp install CID --from http://192.0.2.7:8631/  # beside the configured sources",
		},
	}
}

// given is a package that the command line names.
type given struct {
	ref    ref.Ref
	name   ref.Name // that it is installed under
	opened *opened  // nil for a name: resolution finds it
}

func (i *installCmd) run(ctx context.Context, a *app) error {
	as, err := i.as()
	if err != nil {
		return err
	}
	prefer, err := i.names("install")
	if err != nil {
		return err
	}
	accept, err := i.accepted("install")
	if err != nil {
		return err
	}
	c, err := a.beginChange(ctx, "install", reason("install", i.Refs...), i.DryRun)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.fetchWith(i.fetchFlags); err != nil {
		return err
	}
	c.prefer, c.accept = prefer, accept
	c.keepGoing = i.KeepGoing
	list, err := c.openAll(ctx, i.Refs, as)
	if err != nil {
		return err
	}
	c.edit = func(wishes *lock.Profile, old *lock.Lockfile, wanted func(ref.Name) bool) error {
		for _, g := range list {
			if wanted(g.name) {
				wishes.Put(g.wish(wishes, old.Find(g.name)))
			}
		}
		return nil
	}
	c.why = func(r changeResult) []string { return c.heldBack(ctx, list, r) }
	return c.carry(ctx)
}

// heldBack names what was asked for by name alone and stays as it is, though a
// newer one is known: installing is not upgrading.
func (c *change) heldBack(ctx context.Context, list []given, r changeResult) (notes []string) {
	for _, g := range list {
		p := c.base(c.old).Lock.Find(g.name)
		stays := slices.ContainsFunc(r.Changes, func(l changeLine) bool { return l.Name == string(g.name) && l.same() })
		if g.opened != nil || g.ref.Explicit || p == nil || !stays {
			continue
		}
		if v := c.newest(ctx, *p); v != "" {
			notes = append(notes, c.newerNote(*p, v))
		}
	}
	return notes
}

func (i *installCmd) as() (ref.Name, error) {
	if i.As == "" {
		return "", nil
	}
	if len(i.Refs) != 1 {
		return "", usageError(i, "--as names one package, there are %d", len(i.Refs))
	}
	name, err := ref.ParseName(i.As)
	if err != nil {
		return "", &failure{verb: "install", object: "--as " + i.As, err: err, code: exitUsage}
	}
	return name, nil
}

// reason is a command as the log keeps it.
func reason(verb string, args ...string) string {
	return strings.TrimSpace(verb + " " + strings.Join(args, " "))
}

// openAll opens every package that is named, and makes them the units of the
// change. All failures are told; it fails itself where there is nothing else.
func (c *change) openAll(ctx context.Context, refs []string, as ref.Name) ([]given, error) {
	var list []given
	c.typed = map[ref.Name]string{}
	for _, text := range refs {
		g, err := c.openOne(ctx, text, as)
		before, twice := c.typed[g.name]
		switch {
		case ctx.Err() != nil:
			return nil, failed(c.verb, text, ctx.Err())
		case err == nil && twice && before != text:
			err = &failure{verb: c.verb, object: text, code: exitConflict,
				err:   fmt.Errorf("%s is called %s too", before, g.name),
				hints: []string{"install one of them alone, under another name: --as NAME"}}
		case err == nil && twice:
			continue
		}
		if err != nil {
			c.told, c.lost = append(c.told, err), c.lost+1
			continue
		}
		c.typed[g.name] = text
		c.units, list = append(c.units, g.name), append(list, g)
	}
	c.targets = c.units
	if len(list) == 0 {
		return nil, c.tell()
	}
	return list, nil
}

func (c *change) openOne(ctx context.Context, text string, as ref.Name) (given, error) {
	r, err := ref.Parse(text)
	if err != nil {
		return given{}, failed(c.verb, text, err)
	}
	g := given{ref: r, name: as}
	if r.Kind == ref.Named && r.Channel == "" {
		if g.name == "" {
			g.name = r.Name
		}
		return g, failed(c.verb, text, c.isKnown(ctx, r))
	}
	if r.Sub != "" {
		return g, &failure{verb: c.verb, object: text, code: exitUsage, err: errors.New("a path below a CID names a file, not a package"),
			hints: []string{"run that file: ipp run " + quote(text), "or install the whole package: ipp " + c.verb + " " + r.CID.String()}}
	}
	if g.opened, err = c.open(ctx, r, nil, as); err != nil {
		return g, err
	}
	if g.name == "" {
		g.name = g.opened.own()
	}
	if g.name == "" {
		return g, &failure{verb: c.verb, object: text, code: exitUsage, err: errors.New("it has no package.toml, so it has no name"),
			hints: []string{"give it one: ipp install --as NAME " + quote(text), "or run a file of it: ipp run " + g.opened.pkg.Root.String() + "/PATH"}}
	}
	return g, nil
}

// isKnown finds out early that nothing matches a name, so that it is told
// together with whatever else is wrong. Which one it is, resolution says.
func (c *change) isKnown(ctx context.Context, r ref.Ref) error {
	for _, p := range c.base(c.old).Lock.Packages {
		if (p.Name == r.Name || p.Package == r.Name) && r.Constraint.Match(p.Version) {
			return nil
		}
	}
	_, err := c.rootByName(ctx, r)
	var missing *lock.NotFoundError
	if errors.As(err, &missing) {
		return err
	}
	return nil
}

// wish is what installing a package writes into the wishes. A name that is
// wished for already, typed without a constraint, keeps its wish: installing is
// not upgrading. So does a package that is installed and was only signed again.
func (g given) wish(wishes *lock.Profile, old *lock.Package) lock.Wish {
	before, wished := wishes.Wish(g.name)
	if old != nil && g.resigned(old) {
		if !wished {
			before = lock.Wish{Name: g.name, CID: old.CID, Package: old.Package}
		}
		return before
	}
	if g.opened == nil {
		if wished && !g.ref.Explicit {
			return before
		}
		return lock.Wish{Name: g.name, Constraint: g.ref.Constraint, Package: other(g.name, g.ref.Name), Hold: before.Hold}
	}
	return lock.Wish{Name: g.name, CID: g.opened.pkg.Root, Package: other(g.name, g.opened.own()), Hold: before.Hold}
}

// resigned says whether the package is the one that is installed, signed again
// by its author, or not signed: the manifest is the same.
func (g given) resigned(old *lock.Package) bool {
	if g.opened == nil || old.Key == "" || !old.Manifest.Defined() {
		return false
	}
	p := g.opened.pkg
	same := p.Meta != nil && p.Meta.Name == ownName(old) && p.Meta.Version == old.Version && p.Manifest.Defined() && dag.V1(p.Manifest).Equals(dag.V1(old.Manifest))
	return same && (p.Signature == nil || p.Signature.Follows(old.Key))
}

// other is a package's own name where it is installed under another.
func other(name, own ref.Name) ref.Name {
	if name == own {
		return ""
	}
	return own
}
