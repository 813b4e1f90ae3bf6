package pack

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ipp/store/dag"
)

// Warning is something that will hurt users elsewhere: an absolute path of the
// build machine in a script, a shebang or an RPATH.
type Warning struct{ Path, What string }

// danglingLinks warns of symlinks that lead to nothing.
func danglingLinks(top *node) []Warning {
	var all []Warning
	var look func(at string, n *node)
	look = func(at string, n *node) {
		if n.kind == dag.Symlink && top.resolve(at) == nil {
			all = append(all, Warning{Path: at, What: "is a symlink to what is not in the package: " + n.target()})
		}
		for _, c := range n.children() {
			look(path.Join(at, c.name), c)
		}
	}
	look("", top)
	return all
}

// strayPrograms warns of a package that has programs and no command, because
// none of them is in bin: it installs, and nothing can be started.
func strayPrograms(top *node, m *Metadata) []Warning {
	var stray string
	found := m.Commands != nil
	var look func(at string, n *node)
	look = func(at string, n *node) {
		switch _, inBin := standsIn(at); {
		case n.kind == dag.Dir:
		case inBin && (n.exec || n.kind == dag.Symlink):
			found = true
		case n.exec && stray == "":
			stray = at
		}
		for _, c := range n.children() {
			look(path.Join(at, c.name), c)
		}
	}
	look("", top)
	if found || stray == "" {
		return nil
	}
	return []Warning{{Path: stray, What: "is not in bin/, and [commands] does not name it: the package installs no command"}}
}

// placesOf are directories of this machine that no script should name: what is
// packed, and the home. One that many machines have (/root) says nothing.
func placesOf(in Input) []string {
	given := append([]string{in.Path}, slices.Collect(maps.Values(in.Platforms))...)
	if home, err := os.UserHomeDir(); err == nil {
		given = append(given, home)
	}
	var all []string
	for _, at := range given {
		full, err := filepath.Abs(at)
		if at != "" && err == nil && strings.Count(filepath.ToSlash(full), "/") > 1 {
			all = append(all, full)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
