package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// packBig computes the CID of a package with one large file.
func packBig(b *bench, _ int) (ours side, peers []side, err error) {
	dir := filepath.Join(b.dir, "big")
	if err := bigPackage(dir, big, 1); err != nil {
		return ours, nil, err
	}
	h, err := b.home("pack")
	if err != nil {
		return ours, nil, err
	}
	file := filepath.Join(dir, bigFile(0))
	ours = side{name: "ipp", steps: func(int) []step { return []step{h.ipp("pack", "--dry-run", dir)} }}
	return ours, []side{
		{name: "sha256 on one core (Go, as in ipp)", steps: func(int) []step { return []step{b.oneCore(file)} }},
		{name: "`openssl dgst -sha256`", missing: missing("openssl", "openssl"),
			steps: func(int) []step { return []step{{argv: []string{"openssl", "dgst", "-sha256", file}}} }},
	}, nil
}

// installFrom installs a package of 100 MB from a CAR into a store that has
// nothing of it.
func installFrom(files int) func(*bench, int) (side, []side, error) {
	return func(b *bench, _ int) (ours side, peers []side, err error) {
		dir, ours, err := b.installBig(packaged, files)
		if err != nil {
			return ours, nil, err
		}
		contents, err := filepath.Glob(dir + "/share/*/*")
		return ours, []side{copySide(b, dir, contents)}, err
	}
}

// installSmall is held against a peer that verifies nothing.
func installSmall(b *bench, _ int) (ours side, peers []side, err error) {
	dir, ours, err := b.installBig(smallFiles*smallSize, smallFiles)
	if err != nil {
		return ours, nil, err
	}
	archive, to := dir+".tar", dir+".untarred"
	peer := side{name: "`tar -x` + `sync -f`", missing: missing("tar", "tar"),
		before: func(run int) error {
			if err := os.Mkdir(to, 0o755); err != nil {
				return err
			}
			return b.sync(run)
		},
		check: func(int) error { return removeAll(to) },
		steps: func(int) []step {
			return []step{{argv: []string{"tar", "-xf", archive, "-C", to}}, {argv: []string{"sync", "-f", to}}}
		}}
	if peer.missing == "" {
		err = b.do(step{argv: []string{"tar", "-cf", archive, "-C", dir, "."}})
	}
	return ours, []side{peer}, err
}

// installBig is the side that installs a big package, and the package.
func (b *bench) installBig(bytes, files int) (dir string, ours side, err error) {
	dir = filepath.Join(b.dir, fmt.Sprintf("package-%d-%d", bytes, files))
	if err := bigPackage(dir, bytes, files); err != nil {
		return dir, ours, err
	}
	author, err := b.home("author")
	if err != nil {
		return dir, ours, err
	}
	tool, err := b.toolDir("1.0.0")
	if err != nil {
		return dir, ours, err
	}
	car, first := dir+".car", tool+".car"
	return dir, installSide(b, first, car), b.do(author.ipp("pack", dir, "-o", car), author.ipp("pack", tool, "-o", first))
}

// installSide installs into a home that is new in each run, but has a store with
// what the CAR first holds.
func installSide(b *bench, first string, args ...string) side {
	var h home
	before := func(run int) (err error) {
		if h, err = b.home(fmt.Sprintf("install-%d", run)); err == nil {
			_, err = b.output(h.ipp("install", first))
		}
		if err == nil {
			err = b.sync(run)
		}
		return err
	}
	check := func(int) error {
		if _, err := os.Stat(filepath.Join(h.current(), bigFile(0))); err != nil {
			return err
		}
		return removeAll(h.dir)
	}
	return side{name: "ipp", before: before, check: check,
		steps: func(int) []step { return []step{h.ipp(append([]string{"install"}, args...)...)} }}
}

// copySide hashes the files, copies them and syncs the disk.
func copySide(b *bench, dir string, contents []string) side {
	to := dir + ".copy"
	return side{name: "sha256 on one core + `cp -r` + `sync -f`", missing: missing("cp", "coreutils"), before: b.sync,
		check: func(int) error { return removeAll(to) },
		steps: func(int) []step {
			return []step{b.oneCore(contents...), {argv: []string{"cp", "-r", dir, to}}, {argv: []string{"sync", "-f", to}}}
		}}
}
