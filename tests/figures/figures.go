package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ipp/tests/support"
)

const (
	big       = 1_000_000_000
	packaged  = 100_000_000
	manyFiles = 1000

	smallFiles = 6000
	smallSize  = 2048
)

// figures are the lines of the table, in order.
func figures() []figure {
	third := []bar{{kind: wall, ratio: 1. / 3}, {kind: cpu, ratio: 1. / 3}}
	within := func(ratio float64) []bar { return []bar{{kind: wall, ratio: ratio}} }
	most := func(k kind, most float64) []bar { return []bar{{kind: k, most: most}} }
	return []figure{
		{name: "rollback", work: "`ipp rollback`", bars: third, times: 2, make: rollback},
		{name: "pack", work: "`ipp pack --dry-run`, 1 GB", bars: within(0.65), make: packBig},
		{name: "install", work: "`ipp install` from a CAR, 100 MB in one file", bars: within(1.5), make: installFrom(1)},
		{name: "install-many", work: fmt.Sprintf("… 100 MB in %d files", manyFiles), bars: within(0), make: installFrom(manyFiles)},
		{name: "install-small", work: fmt.Sprintf("… %d files of %d bytes", smallFiles, smallSize), bars: within(1.5), make: installSmall},
		{name: "known", work: "`ipp install` of what the store has", bars: within(0.5), times: 2, make: installKnown},
		{name: "known-again", work: "… and the profile had before", bars: within(0.5), times: 2, make: installAgain},
		{name: "add", work: fmt.Sprintf("… into a profile of %d", crowdSize), bars: within(0.25), slow: true, make: addKnown},
		{name: "add-car", work: "… from a CAR", bars: within(0.25), slow: true, make: addFromCAR},
		{name: "list", work: fmt.Sprintf("`ipp list`, %d packages, %d generations", crowdSize, longHistory), bars: most(wall, 20), times: 2, make: reading("list")},
		{name: "history", work: "`ipp history` of the same", bars: most(wall, 20), times: 2, make: reading("history")},
		{name: "gc", work: fmt.Sprintf("`ipp gc` of a package of %d files", garbage), bars: within(1.5), slow: true, make: collect},
		{name: "hold", work: fmt.Sprintf("*sweep* held by `ipp gc` that deletes %d objects", held), bars: most(hold, 100), slow: true, make: holdToDelete},
		{name: "hold-keep", work: "… that keeps them", bars: most(hold, 100), slow: true, make: holdToKeep},
		{name: "bitswap", work: "`ipp install` by bitswap, 100 MB in one file", bars: within(2), make: overNetwork(packaged, 1, true, copied)},
		{name: "bitswap-kubo", work: "… beside Kubo", bars: within(1), make: overNetwork(packaged, 1, true, pinned)},
		{name: "bitswap-bare", work: "… beside a bare stream", bars: within(0), make: overNetwork(packaged, 1, true, streamed)},
		{name: "bitswap-small", work: fmt.Sprintf("… %d files of %d bytes", smallFiles, smallSize), bars: within(3), slow: true, make: overNetwork(smallFiles*smallSize, smallFiles, true, local)},
		{name: "gateway", work: "`ipp install` from a gateway, 100 MB in one file", bars: within(1.5), make: overNetwork(packaged, 1, false, curled)},
		{name: "gateway-small", work: fmt.Sprintf("… %d files of %d bytes", smallFiles, smallSize), bars: within(1.5), slow: true, make: overNetwork(smallFiles*smallSize, smallFiles, false, local)},
		{name: "first-run", work: "small package from a gateway, by its CID, until it has run", bars: most(wall, 150), make: firstRun},
		{name: "memory", rows: peaks},
		{name: "network-memory", rows: networkPeaks},
		{name: "disk", rows: versionsOnDisk},
		{name: "start-up", work: "start of `ipp version`", bars: []bar{{kind: wall, more: 6}}, times: 4, make: startUp("kong alone", "github.com/alecthomas/kong")},
		{name: "start-up-linked", work: "… beside what is linked in, unused", bars: within(0), times: 4, make: startUp("kong, libp2p, Badger",
			"github.com/alecthomas/kong", "ipp/store/ipfs/node", "ipp/store/index")},
		{name: "start", work: "start of an installed program", bars: within(1), noise: true, times: 20, make: start},
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
		"IPP_STORE=", "IPP_PROFILE=", support.Offline()}}
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
