package pack

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"ipp/lock/ref"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// check holds what package.toml names against one part of the package, before
// anything of it is written: directories, libraries, commands, and, where it is
// signed, every file against the manifest. It is told of
// each entry of the part, then asked.
type check struct {
	pkg      *Package
	meta     *Metadata
	platform ref.Platform
	kinds    map[string]dag.Kind
	targets  map[string]string // of symlinks
	deps     map[string]cid.Cid
	signed   *signedPart // nil: unsigned
}

// check is Want's Check; nil for a directory that is no package of ours.
func (p *Package) check(platform ref.Platform, unread []string) func() (func(*dag.Entry), func(context.Context) error) {
	if p.Meta == nil && !p.Manifest.Defined() {
		return nil
	}
	meta := p.Meta
	if meta == nil {
		meta = &Metadata{}
	}
	return func() (func(*dag.Entry), func(context.Context) error) {
		c := &check{pkg: p, meta: meta, platform: platform, kinds: map[string]dag.Kind{}, targets: map[string]string{}, deps: map[string]cid.Cid{}}
		if p.Signature != nil {
			c.signed = &signedPart{pkg: p, unread: unread}
		}
		return c.see, c.end
	}
}

func (c *check) see(e *dag.Entry) {
	if c.signed != nil {
		c.signed.see(e)
	}
	if len(c.meta.Commands) > 0 || !strings.Contains(e.Path, "/") || e.Path == SignatureName {
		c.kinds[e.Path] = e.Kind
	}
	if e.Kind == dag.Symlink {
		c.targets[e.Path] = e.Target
	}
	if libraryOf(c.meta, e.Path) != "" && path.Dir(e.Path) == DepsDir {
		c.deps[path.Base(e.Path)] = e.CID
	}
}

func (c *check) end(ctx context.Context) error {
	if c.signed != nil {
		if err := c.signed.end(ctx); err != nil {
			return err
		}
	}
	dirs := []string{}
	if c.platform != "" {
		dirs = []string{string(c.platform), AnyDir}
	}
	if err := c.are(dag.Dir, dirs...); err != nil {
		return err
	}
	if err := c.are(dag.File, ManifestName, SignatureName); err != nil {
		return err
	}
	if err := c.libraries(); err != nil {
		return err
	}
	return c.commands()
}

// are says which of these paths is there and of another kind.
func (c *check) are(want dag.Kind, paths ...string) error {
	for _, at := range paths {
		if kind, ok := c.kinds[at]; ok && kind != want {
			return c.wrong("%s is a %s, not a %s", at, kind, want)
		}
	}
	return nil
}

// libraries holds deps/ against [libraries].
func (c *check) libraries() error {
	for _, name := range slices.Sorted(maps.Keys(c.meta.Libraries)) {
		at := path.Join(DepsDir, string(name))
		found, ok := c.deps[string(name)]
		switch {
		case !ok:
			return c.wrong("%s names the library %s, but there is no %s", MetadataName, name, at)
		case !sameCID(found, c.meta.Libraries[name]):
			return c.wrong("%s is not the library that %s names", at, MetadataName)
		}
	}
	return nil
}

// commands looks for the file of each command, as Tree.Commands will.
func (c *check) commands() error {
	bases := basesOf(c.meta, c.platform, c.kinds[AnyDir] == dag.Dir)
	for _, name := range slices.Sorted(maps.Keys(c.meta.Commands)) {
		at := c.meta.Commands[name]
		isFile := func(base string) bool {
			return slices.ContainsFunc(commandFiles(c.platform, at), func(f string) bool { return c.resolve(join(base, f)) == dag.File })
		}
		if !slices.ContainsFunc(bases, isFile) {
			there := func(base string) bool { return base == "." || c.kinds[base] == dag.Dir }
			bases = slices.DeleteFunc(bases, func(base string) bool { return !there(base) })
			return &MissingCommandError{Package: c.meta.Name, Command: name, Path: at, Bases: bases}
		}
	}
	return nil
}

// resolve follows a path as the file system will, symlinks too, to the kind of
// what is there; 0 where it leads nowhere. Targets were checked: ".." stands in
// front of names only.
func (c *check) resolve(at string) dag.Kind {
	const most = 40 // symlinks, as Linux has it
	links, here := 0, ""
	for rest := strings.Split(at, "/"); len(rest) > 0; {
		step := rest[0]
		rest = rest[1:]
		switch step {
		case "", ".":
			continue
		case "..":
			here = path.Dir("/" + here)[1:]
			continue
		}
		next := path.Join(here, step)
		if target, ok := c.targets[next]; ok {
			if links++; links > most {
				return 0
			}
			rest = append(strings.Split(target, "/"), rest...)
			continue
		}
		here = next
	}
	return c.kinds[here]
}

func (c *check) wrong(format string, args ...any) error {
	return &LayoutError{Where: c.pkg.Root.String(), Hint: madeWrongly, Why: fmt.Sprintf(format, args...)}
}
