package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

const (
	big       = 1_000_000_000
	packaged  = 100_000_000
	manyFiles = 1000
)

// figures are the lines of the table, in order.
func figures() []figure {
	return []figure{
		{name: "rollback", work: "`ipp rollback`", wall: 1. / 3, cpu: 1. / 3, times: 2, make: rollback},
		{name: "pack", work: "`ipp pack --dry-run`, 1 GB", wall: 0.65, make: packBig},
		{name: "install", work: "`ipp install` from a CAR, 100 MB in one file", wall: 1.5, make: installFrom(1)},
		{name: "install-many", work: fmt.Sprintf("… 100 MB in %d files", manyFiles), make: installFrom(manyFiles)},
		{name: "known", work: "`ipp install` of what the store has", wall: 0.5, times: 2, make: installKnown},
		{name: "known-again", work: "… and the profile had before", wall: 0.5, times: 2, make: installAgain},
		{name: "start", work: "start of an installed program", wall: 1, noise: true, times: 20, make: start},
	}
}

// home is a user's directories, for ipp.
type home struct {
	b   *bench
	dir string
}

func (h home) ipp(args ...string) step {
	return step{argv: append([]string{h.b.ipp}, args...), env: []string{"HOME=" + h.dir, "XDG_DATA_HOME=" + h.dir + "/data",
		"XDG_STATE_HOME=" + h.dir + "/state", "XDG_CONFIG_HOME=" + h.dir + "/config", "XDG_CACHE_HOME=" + h.dir + "/cache",
		"IPP_STORE=", "IPP_PROFILE=", "IPP_CONFIG="}}
}

func (h home) current() string { return h.dir + "/state/ipp/profiles/default/current" }

func (b *bench) home(name string) (home, error) {
	h := home{b, filepath.Join(b.dir, name)}
	return h, os.MkdirAll(h.dir, 0o700)
}

// toolDir makes the package "tool" in one version as a directory.
func (b *bench) toolDir(version string) (string, error) {
	dir := filepath.Join(b.dir, "tool-"+version)
	return dir, writeTree(dir, map[string]string{
		"package.toml": "format = 1\nname = \"tool\"\nversion = \"" + version + "\"\n",
		"bin/tool":     "#!/bin/sh\necho " + version + "\n",
	})
}

// tools packs "tool" in these versions into a home's store, and returns the
// packages' CIDs.
func (h home) tools(versions []string) ([]string, error) {
	var cids []string
	for _, v := range versions {
		dir, err := h.b.toolDir(v)
		if err != nil {
			return nil, err
		}
		out, err := h.b.output(h.ipp("pack", dir))
		if err != nil {
			return nil, err
		}
		// It prints the CID and nothing else.
		cids = append(cids, strings.TrimSpace(out))
	}
	return cids, nil
}

// shows checks that a profile's tool is this version.
func shows(profile, version string) error {
	got, err := os.ReadFile(filepath.Join(profile, "bin/tool"))
	if err == nil && !strings.HasSuffix(string(got), "echo "+version+"\n") {
		err = fmt.Errorf("%s holds %q, want version %s", profile, got, version)
	}
	return err
}

func versions(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%d.0.0", i+1)
	}
	return all
}

// both makes ipp's home and a private Nix with the same packages in both; Nix
// is nil, and said to be missing, where it is not installed.
func both(b *bench, name string, vs []string) (h home, cids []string, n *nix, paths []string, err error) {
	if h, err = b.home(name); err == nil {
		cids, err = h.tools(vs)
	}
	if err != nil || missing("nix-env", "nix-bin") != "" {
		return h, cids, nil, nil, err
	}
	if n, err = newNix(b, name+"-nix"); err == nil {
		paths, err = n.tools(vs)
	}
	return h, cids, n, paths, err
}

// rollback flips to and fro between two generations.
func rollback(b *bench, _ int) (ours side, peers []side, err error) {
	vs := versions(2)
	h, cids, n, paths, err := both(b, "rollback", vs)
	if err != nil {
		return ours, nil, err
	}
	generation := func(run int) string { return fmt.Sprint(run%2 + 1) }
	version := func(run int) string { return vs[run%2] }
	ours = side{name: "ipp", before: b.sync,
		steps: func(run int) []step { return []step{h.ipp("rollback", generation(run))} },
		check: func(run int) error { return shows(h.current(), version(run)) }}
	peer := side{name: "`nix-env --switch-generation`", missing: missing("nix-env", "nix-bin"), before: b.sync}
	for i := range vs {
		setUp := []step{h.ipp("install", cids[i])}
		if n != nil {
			setUp = append(setUp, n.nixEnv("-i", paths[i]))
		}
		for _, s := range setUp {
			if _, err := b.output(s); err != nil {
				return ours, nil, err
			}
		}
	}
	peer.steps = func(run int) []step { return []step{n.nixEnv("--switch-generation", generation(run))} }
	peer.check = func(run int) error { return shows(n.profile(), version(run)) }
	return ours, []side{peer}, nil
}

// installKnown installs, in each run, a version that the store has and the
// profile never had: both sides build the profile's contents anew.
func installKnown(b *bench, runs int) (side, []side, error) {
	return installing(b, "known", versions(runs))
}

// installAgain goes to and fro between two packages: Nix finds the contents of
// the profile in its store, ipp makes a new generation.
func installAgain(b *bench, _ int) (side, []side, error) {
	return installing(b, "again", versions(2))
}

func installing(b *bench, name string, vs []string) (ours side, peers []side, err error) {
	h, cids, n, paths, err := both(b, name, vs)
	if err != nil {
		return ours, nil, err
	}
	of := func(run int) int { return run % len(vs) }
	ours = side{name: "ipp", before: b.sync,
		steps: func(run int) []step { return []step{h.ipp("install", cids[of(run)])} },
		check: func(run int) error { return shows(h.current(), vs[of(run)]) }}
	peer := side{name: "`nix-env -i STOREPATH`", missing: missing("nix-env", "nix-bin"), before: b.sync,
		steps: func(run int) []step { return []step{n.nixEnv("-i", paths[of(run)])} },
		check: func(run int) error { return shows(n.profile(), vs[of(run)]) }}
	return ours, []side{peer}, nil
}

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
	file := filepath.Join(dir, "share/0000")
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
		dir := filepath.Join(b.dir, fmt.Sprintf("package-%d", files))
		if err := bigPackage(dir, packaged, files); err != nil {
			return ours, nil, err
		}
		author, err := b.home("author")
		if err != nil {
			return ours, nil, err
		}
		tool, err := b.toolDir("1.0.0")
		if err != nil {
			return ours, nil, err
		}
		car, first := dir+".car", tool+".car"
		for _, s := range []step{author.ipp("pack", dir, "-o", car), author.ipp("pack", tool, "-o", first)} {
			if _, err := b.output(s); err != nil {
				return ours, nil, err
			}
		}
		ours = installSide(b, car, first)
		contents, err := filepath.Glob(dir + "/share/*")
		return ours, []side{copySide(b, dir, contents)}, err
	}
}

// installSide installs into a home that is new in each run, but has a store.
func installSide(b *bench, car, first string) side {
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
		if _, err := os.Stat(h.current() + "/share/0000"); err != nil {
			return err
		}
		return removeAll(h.dir)
	}
	return side{name: "ipp", before: before, check: check,
		steps: func(int) []step { return []step{h.ipp("install", car)} }}
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

// start runs a program that does nothing, by the profile's link and by itself.
func start(b *bench, _ int) (ours side, peers []side, err error) {
	h, err := b.home("start")
	if err != nil {
		return ours, nil, err
	}
	source, program := filepath.Join(b.dir, "nothing.go"), filepath.Join(b.dir, "nothing")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		return ours, nil, err
	}
	car := program + ".car"
	for _, s := range []step{
		{argv: []string{"go", "build", "-trimpath", "-o", program, source}, env: []string{"CGO_ENABLED=0"}},
		h.ipp("pack", program, "--name", "nothing", "--version", "1.0.0", "-o", car),
		h.ipp("install", car),
	} {
		if _, err := b.output(s); err != nil {
			return ours, nil, err
		}
	}
	link := h.current() + "/bin/nothing"
	ours = side{name: "ipp", steps: func(int) []step { return []step{{argv: []string{link}}} }}
	return ours, []side{{name: "the file itself", steps: func(int) []step { return []step{{argv: []string{program}}} }}}, nil
}

// bigPackage makes a package of so many bytes that no file system can shrink,
// the same in every run.
func bigPackage(dir string, bytes, files int) error {
	err := writeTree(dir, map[string]string{"package.toml": "format = 1\nname = \"big\"\nversion = \"1.0.0\"\n", "share/": ""})
	if err != nil {
		return err
	}
	random := rand.NewChaCha8([32]byte{})
	buf := make([]byte, bytes/files)
	for i := range files {
		_, _ = random.Read(buf) // never fails
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("share/%04d", i)), buf, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writeTree writes files by path; what lies in bin is executable, a path that
// ends in a slash is a directory.
func writeTree(dir string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(dir, name)
		parent, mode := filepath.Dir(path), os.FileMode(0o644)
		if strings.HasSuffix(name, "/") {
			parent = path
		}
		if err := os.MkdirAll(parent, 0o755); err != nil {
			return err
		}
		if strings.HasPrefix(name, "bin/") {
			mode = 0o755
		}
		if parent != path {
			if err := os.WriteFile(path, []byte(text), mode); err != nil {
				return err
			}
		}
	}
	return nil
}
