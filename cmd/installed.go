package cmd

import (
	"context"
	"errors"
	"slices"

	"ipp/lock"
	"ipp/lock/ref"
	"ipp/store/dag"
	"ipp/store/pack"

	"github.com/ipfs/go-cid"
)

// installedName finds the name that a REF has in a profile: one name works for
// every verb, so a CAR file, a directory or a CID names the package with that
// root.
func (c *change) installedName(ctx context.Context, text string) (ref.Name, error) {
	r, err := ref.Parse(text)
	if err != nil {
		return "", failed(c.verb, text, err)
	}
	name, err := c.lookUp(ctx, r, c.base(c.old).Lock)
	return name, failed(c.verb, text, err)
}

func (c *change) lookUp(ctx context.Context, r ref.Ref, l *lock.Lockfile) (ref.Name, error) {
	switch r.Kind {
	case ref.Named:
		return c.nameInstalled(r, l)
	case ref.IPNS:
		return "", unresolved("IPNS names")
	case ref.CID:
		return c.byRoot(l, r.CID)
	case ref.Prefix:
		root, err := c.rootByPrefix(r.Prefix, l)
		if err != nil {
			return "", err
		}
		return c.byRoot(l, root)
	}
	o, err := c.openPath(ctx, r.Path, "")
	if err != nil {
		return "", err
	}
	return c.byRoot(l, o.pkg.Root)
}

func (c *change) nameInstalled(r ref.Ref, l *lock.Lockfile) (ref.Name, error) {
	if p := l.Find(r.Name); p != nil {
		if r.Channel == "" || p.Channel == r.Channel {
			if r.Accepts(p.Version) {
				return r.Name, nil
			}
			return "", &failure{code: exitNotFound, err: errors.New("installed is " + string(p.Version)),
				hints: []string{c.a.own("%s %s", c.verb, r.Name)}}
		}
	}
	f := c.notInstalled(l)
	for _, p := range l.Packages {
		if p.Package == r.Name {
			f.hints = append(f.hints, string(r.Name)+" is installed as "+string(p.Name))
		}
	}
	return "", f
}

func (c *change) byRoot(l *lock.Lockfile, root cid.Cid) (ref.Name, error) {
	for _, p := range l.Packages {
		if p.CID.Equals(root) {
			return p.Name, nil
		}
	}
	return "", c.notInstalled(l)
}

func (c *change) notInstalled(l *lock.Lockfile) *failure {
	f := &failure{err: errors.New("not installed in profile " + string(c.prof.Name())), code: exitNotFound}
	if len(l.Packages) == 0 {
		f.hints = []string{"nothing is installed there; to begin: " + c.a.own("install REF")}
		return f
	}
	if len(l.Packages) <= 20 {
		var names []ref.Name
		for _, p := range l.Packages {
			names = append(names, p.Name)
		}
		f.hints = append(f.hints, "installed: "+join(names))
		return f
	}
	f.hints = append(f.hints, c.a.own("list")+" shows what is installed")
	return f
}

// installedNames is installedName for several, which become the units of the
// change. All failures are told; it fails itself where there is nothing else.
func (c *change) installedNames(ctx context.Context, refs []string) ([]ref.Name, error) {
	for _, text := range refs {
		name, err := c.installedName(ctx, text)
		switch {
		case ctx.Err() != nil:
			return nil, failed(c.verb, text, ctx.Err())
		case err != nil:
			c.told, c.lost = append(c.told, err), c.lost+1
		case !slices.Contains(c.units, name):
			c.units = append(c.units, name)
		}
	}
	if len(refs) > 0 && len(c.units) == 0 {
		return nil, c.tell()
	}
	return c.units, nil
}

// platformsIn says which of a package's platforms a source has. A platform's
// directory that is not there was left out on purpose (export --platform); what
// lacks below it is damage, and not looked for here.
func platformsIn(ctx context.Context, src dag.Blocks, p *pack.Package) (has, lacks []ref.Platform, err error) {
	if p.Meta == nil || len(p.Meta.Platforms) == 0 {
		return nil, nil, nil
	}
	top, err := dag.List(ctx, src, p.Root, dag.DefaultLimits())
	if err != nil {
		return nil, nil, err
	}
	for _, platform := range p.Meta.Platforms {
		i := slices.IndexFunc(top, func(e dag.Entry) bool { return e.Path == string(platform) })
		if i < 0 {
			lacks = append(lacks, platform)
			continue
		}
		_, err := dag.Get(ctx, src, top[i].CID)
		switch {
		case isAbsent(err):
			lacks = append(lacks, platform)
		case err != nil:
			return nil, nil, err
		default:
			has = append(has, platform)
		}
	}
	return has, lacks, nil
}
