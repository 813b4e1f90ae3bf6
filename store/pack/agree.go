package pack

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"ipp/lock/ref"
	"ipp/store/dag"
)

// metadata takes the author's package.toml, or writes one in memory.
func (l *layout) metadata() error {
	slices.Sort(l.platforms)
	if l.meta == nil {
		return l.writeMetadata()
	}
	for _, f := range []struct{ what, said, has string }{
		{"name", string(l.in.Name), string(l.meta.Name)},
		{"version", string(l.in.Version), string(l.meta.Version)},
	} {
		if f.said != "" && f.said != f.has {
			return &LayoutError{
				Where: l.where,
				Why:   fmt.Sprintf("%s says the %s %s, and %s was given", MetadataName, f.what, f.has, f.said),
				Hint:  fmt.Sprintf("leave it out, or change %s", MetadataName),
			}
		}
	}
	return l.agree()
}

// writeMetadata makes the package.toml of an input that has none.
func (l *layout) writeMetadata() error {
	if l.in.Name == "" || l.in.Version == "" {
		return &NoMetadataError{Path: l.where}
	}
	l.metaData = (&Metadata{Name: l.in.Name, Version: l.in.Version, Platforms: l.platforms}).Encode()
	var err error
	l.meta, err = ParseMetadata(MetadataName, l.metaData)
	return err
}

// agree holds package.toml's platforms against the directories.
func (l *layout) agree() error {
	for _, p := range l.meta.Platforms {
		if !slices.Contains(l.platforms, p) {
			return &LayoutError{
				Where: l.where,
				Why:   fmt.Sprintf("%s names the platform %s, but there is no directory %s/", MetadataName, p, p),
				Hint:  fmt.Sprintf("add it, or take %q out of platforms", p),
			}
		}
	}
	for _, p := range l.platforms {
		if !slices.Contains(l.meta.Platforms, p) {
			return &LayoutError{
				Where: l.where,
				Why:   fmt.Sprintf("there is a directory %s/, but %s does not name that platform", p, MetadataName),
				Hint:  fmt.Sprintf("add %q to platforms, or leave the directory out", p),
			}
		}
	}
	return nil
}

// check holds the layout as a whole against the metadata.
func (l *layout) check() error {
	var names []string
	for _, c := range l.top.children() {
		names = append(names, c.name)
	}
	if a, b := dag.Collisions(names); a != "" {
		return &LayoutError{Where: l.where, Why: fmt.Sprintf("%s and %s are one name on some systems", a, b)}
	}
	for _, name := range slices.Sorted(maps.Keys(l.meta.Libraries)) {
		if err := l.makeRoom(name); err != nil {
			return err
		}
	}
	for _, p := range l.parts() {
		if err := l.commands(p); err != nil {
			return err
		}
	}
	return nil
}

// parts are the platforms, or "" for a package that is not split.
func (l *layout) parts() []ref.Platform {
	if len(l.platforms) == 0 {
		return []ref.Platform{""}
	}
	return l.platforms
}

// bases are the directories of a part, as Tree.Bases has them.
func (l *layout) bases(p ref.Platform) []string {
	anyDir := l.top.child(AnyDir)
	return basesOf(l.meta, p, anyDir != nil && anyDir.kind == dag.Dir)
}

// makeRoom makes room for deps/NAME. Where it is there already, as in a package
// that someone unpacked, it is hashed like anything else and has to match.
func (l *layout) makeRoom(name ref.Name) error {
	deps := l.top.child(DepsDir)
	if deps == nil {
		deps = newDir(DepsDir)
		l.top.put(deps)
	}
	if deps.kind != dag.Dir {
		return &LayoutError{Where: l.where, Why: DepsDir + " is not a directory, but " + MetadataName + " names libraries"}
	}
	found := deps.child(string(name))
	if found == nil {
		deps.put(&node{name: string(name), kind: dag.Dir, library: true})
		return nil
	}
	if found.kind != dag.Dir {
		return &LayoutError{Where: l.where, Why: fmt.Sprintf("%s/%s is not a directory, but the name of a library", DepsDir, name)}
	}
	found.library = true
	return nil
}

// commands checks that each command is there for one part, and can be started.
func (l *layout) commands(p ref.Platform) error {
	bases := l.bases(p)
	for _, c := range slices.Sorted(maps.Keys(l.meta.Commands)) {
		at, found := l.command(p, bases, l.meta.Commands[c])
		if found == nil {
			return &LayoutError{
				Where: l.where,
				Why:   fmt.Sprintf("%s names the command %s, but %s is not a file below %s", MetadataName, c, l.meta.Commands[c], strings.Join(bases, " or ")),
				Hint:  "add it, or correct [commands]",
			}
		}
		if found.library || found.exec {
			continue
		}
		if runBits {
			return l.notExecutable(c, at, found)
		}
		found.exec = true
	}
	return nil
}

// command finds the file of a command; its path too.
func (l *layout) command(p ref.Platform, bases []string, at string) (string, *node) {
	for _, base := range bases {
		for _, name := range commandFiles(p, at) {
			n := l.top.resolve(join(base, name))
			if n != nil && (n.kind == dag.File || n.library) {
				return join(base, name), n
			}
		}
	}
	return "", nil
}

func (l *layout) notExecutable(c ref.Command, at string, n *node) error {
	e := &InputError{Path: at, Why: fmt.Sprintf("it is the command %s, but has no run bit", c)}
	if shown := n.shown(); shown != "" {
		e.Path = shown
		e.Hint = "chmod +x " + e.Path
	}
	return e
}

// resolve follows a path from the package's root, symlinks too. Below a library
// nothing is known, so what leads there ends at the library. nil: it leads
// nowhere.
func (n *node) resolve(at string) *node {
	const most = 40 // symlinks, as Linux has it
	links := 0
	dir, here, rest := "", n, strings.Split(path.Clean(at), "/")
	for len(rest) > 0 {
		step := rest[0]
		rest = rest[1:]
		if here.library {
			return here
		}
		switch step {
		case "", ".":
			continue
		case "..":
			dir = path.Dir("/" + dir)[1:]
			if here = n; dir != "" {
				here = n.at(dir) // it has no symlinks
			}
		default:
			next := here.child(step)
			if next == nil {
				return nil
			}
			if next.kind == dag.Symlink {
				if links++; links > most {
					return nil
				}
				rest = append(strings.Split(next.target(), "/"), rest...)
				continue
			}
			here, dir = next, path.Join(dir, step)
		}
	}
	return here
}
