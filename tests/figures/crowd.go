package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const crowdSize = 2000

// crowd is a profile of crowdSize tiny packages, in ipp and in a private Nix
// (nil where that is not installed). It takes a while to make, so figures share
// it: each run begins by going back to generation 1, which holds just these.
type crowd struct {
	h home
	n *nix
}

func (b *bench) ofCrowd() (*crowd, error) {
	if b.crowd != nil {
		return b.crowd, nil
	}
	h, err := b.home("crowd")
	if err != nil {
		return nil, err
	}
	names := make([]string, crowdSize)
	for i := range names {
		names[i] = fmt.Sprintf("p%04d", i)
	}
	dirs, err := b.tiny(names)
	if err != nil {
		return nil, err
	}
	c := &crowd{h: h}
	if err := b.do(h.ipp(append([]string{"install"}, dirs...)...)); err != nil {
		return nil, err
	}
	if missing("nix-env", "nix-bin") == "" {
		if c.n, err = newNix(b, "crowd-nix"); err != nil {
			return nil, err
		}
		paths, err := c.n.add(forNix(dirs))
		if err != nil {
			return nil, err
		}
		if err := b.do(c.n.nixEnv(append([]string{"-i"}, paths...)...)); err != nil {
			return nil, err
		}
	}
	b.crowd = c
	return c, nil
}

// tiny makes packages of one script each, as directories that Nix reads a name
// and version from; forNix are the same without package.toml, which there all
// packages would bring into the profile.
func (b *bench) tiny(names []string) ([]string, error) {
	var dirs []string
	for _, name := range names {
		dir := filepath.Join(b.dir, "tiny", name+"-1.0.0")
		script := "#!/bin/sh\necho " + name + " 1.0.0\n"
		err := writeTree(dir, map[string]string{
			"package.toml": "format = 1\nname = \"" + name + "\"\nversion = \"1.0.0\"\n",
			"bin/" + name:  script,
		})
		if err == nil {
			err = writeTree(forNix([]string{dir})[0], map[string]string{"bin/" + name: script})
		}
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}

func forNix(dirs []string) []string {
	var all []string
	for _, dir := range dirs {
		all = append(all, filepath.Join(filepath.Dir(dir), "nix", filepath.Base(dir)))
	}
	return all
}

// addKnown adds a package that both stores have to the crowd.
func addKnown(b *bench, runs int) (ours side, peers []side, err error) {
	return b.adding("known", runs, func(h home, dir string) (string, error) {
		out, err := b.output(h.ipp("pack", dir))
		return strings.TrimSpace(out), err
	})
}

// addFromCAR adds a package that ipp's store does not have, but Nix's does.
func addFromCAR(b *bench, runs int) (ours side, peers []side, err error) {
	author, err := b.home("author")
	if err != nil {
		return ours, nil, err
	}
	return b.adding("car", runs, func(_ home, dir string) (string, error) {
		return dir + ".car", b.do(author.ipp("pack", dir, "-o", dir+".car"))
	})
}

// adding adds another package in each run; prepare makes what is installed of a
// directory.
func (b *bench) adding(name string, runs int, prepare func(h home, dir string) (string, error)) (ours side, peers []side, err error) {
	c, err := b.ofCrowd()
	if err != nil {
		return ours, nil, err
	}
	names := make([]string, runs)
	for i := range names {
		names[i] = fmt.Sprintf("%s%02d", name, i)
	}
	dirs, err := b.tiny(names)
	if err != nil {
		return ours, nil, err
	}
	var refs []string
	for _, dir := range dirs {
		r, err := prepare(c.h, dir)
		if err != nil {
			return ours, nil, err
		}
		refs = append(refs, r)
	}
	back := func(s step) func(int) error {
		return func(run int) error {
			if err := b.do(s); err != nil {
				return err
			}
			return b.sync(run)
		}
	}
	ours = side{name: "ipp", before: back(c.h.ipp("rollback", "1")),
		steps: func(run int) []step { return []step{c.h.ipp("install", refs[run])} },
		check: func(run int) error { return hasBoth(c.h.current(), "p0000", names[run]) }}
	peer := side{name: "`nix-env -i STOREPATH`", missing: missing("nix-env", "nix-bin")}
	if peer.missing != "" {
		return ours, []side{peer}, nil
	}
	paths, err := c.n.add(forNix(dirs))
	if err != nil {
		return ours, nil, err
	}
	peer.before = back(c.n.nixEnv("--switch-generation", "1"))
	peer.steps = func(run int) []step { return []step{c.n.nixEnv("-i", paths[run])} }
	peer.check = func(run int) error { return hasBoth(c.n.profile(), "p0000", names[run]) }
	return ours, []side{peer}, nil
}

// hasBoth checks that a profile has these two programs and no other new one.
func hasBoth(profile, old, added string) error {
	entries, err := os.ReadDir(filepath.Join(profile, "bin"))
	if err != nil {
		return err
	}
	has := func(name string) bool {
		return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == name })
	}
	if len(entries) != crowdSize+1 || !has(old) || !has(added) {
		return fmt.Errorf("%s has %d programs, want %d with %s and %s", profile, len(entries), crowdSize+1, old, added)
	}
	return nil
}
