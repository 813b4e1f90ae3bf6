package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ipp/tests/support"
)

// serving is a home that serves what it has, until the figure ends.
type serving struct {
	h         home
	url, peer string
	cid, car  string // what it serves
}

// serve packs a big package into a home of its own, and serves it.
func (b *bench) serve(bytes, files int) (s serving, err error) {
	name := fmt.Sprintf("served-%d-%d", bytes, files)
	if s.h, err = b.home(name); err != nil {
		return s, err
	}
	dir := filepath.Join(b.dir, name+"-package")
	if err := bigPackage(dir, bytes, files); err != nil {
		return s, err
	}
	return s, s.of(dir)
}

// of packs a directory, and serves it.
func (s *serving) of(dir string) error {
	s.car = dir + ".car"
	if err := s.h.b.do(s.h.ipp("pack", dir, "-o", s.car)); err != nil {
		return err
	}
	cid, err := s.h.b.output(s.h.ipp("pack", dir))
	if err != nil {
		return err
	}
	s.cid = strings.TrimSpace(cid)
	return s.listen(s.h.serve())
}

// serve is ipp serve, at whatever ports are free.
func (h home) serve() step {
	return h.ipp("serve", "--json", "--listen", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0")
}

func (s *serving) listen(st step) error {
	said, err := s.h.b.background(st, "\n}")
	if err != nil {
		return err
	}
	var at struct{ URLs, Peers []string }
	if err := json.Unmarshal([]byte(said), &at); err != nil || len(at.URLs) == 0 || len(at.Peers) == 0 {
		return fmt.Errorf("ipp serve does not say where it listens: %q", said)
	}
	s.url, s.peer = at.URLs[0], at.Peers[0]
	return nil
}

// overNetwork installs a package by its CID, by bitswap or from a gateway, and is
// held against peers.
func overNetwork(bytes, files int, bitswap bool, peers func(*bench, serving) ([]side, error)) func(*bench, int) (side, []side, error) {
	return func(b *bench, _ int) (side, []side, error) {
		s, err := b.serve(bytes, files)
		if err != nil {
			return side{}, nil, err
		}
		from := s.url
		if bitswap {
			from = s.peer
		}
		first, err := b.firstCAR(s.h)
		if err != nil {
			return side{}, nil, err
		}
		others, err := peers(b, s)
		return installSide(b, first, s.cid, "--from", from), others, err
	}
}

// firstCAR is what makes a store in a new home.
func (b *bench) firstCAR(author home) (string, error) {
	tool, err := b.toolDir("1.0.0")
	if err != nil {
		return "", err
	}
	return tool + ".car", b.do(author.ipp("pack", tool, "-o", tool+".car"))
}

// copied hashes the package's files and copies them.
func copied(b *bench, s serving) ([]side, error) {
	dir := strings.TrimSuffix(s.car, ".car")
	contents, err := filepath.Glob(dir + "/share/*/*")
	return []side{copySide(b, dir, contents)}, err
}

// local installs the same package from a CAR.
func local(b *bench, s serving) ([]side, error) {
	first, err := b.firstCAR(s.h)
	local := installSide(b, first, s.car)
	local.name = "`ipp install` of its CAR"
	return []side{local}, err
}

// curled takes the same bytes from the gateway, and hashes them.
func curled(b *bench, s serving) ([]side, error) {
	to := filepath.Join(b.dir, "curled.car")
	return []side{{name: "`curl` of the CAR + sha256 on one core", missing: missing("curl", "curl"), before: b.sync,
		check: func(int) error { return os.Remove(to) },
		steps: func(int) []step {
			return []step{{argv: []string{"curl", "-sS", "--fail", "-o", to, strings.TrimSuffix(s.url, "/") + "/ipfs/" + s.cid + "?format=car"}}, b.oneCore(to)}
		}}}, nil
}

// pinned lets one Kubo node pin the package that another has.
func pinned(b *bench, s serving) ([]side, error) {
	peer := side{name: "a Kubo pair, `ipfs pin add`", before: b.sync}
	path, err := support.KuboPath()
	if err != nil {
		peer.missing = err.Error()
		return []side{peer}, nil
	}
	has, err := b.kubo(path, "kubo-has", step{argv: []string{path, "dag", "import", s.car}})
	if err != nil {
		return nil, err
	}
	wants, err := b.kubo(path, "kubo-wants")
	if err != nil {
		return nil, err
	}
	address, err := b.output(has("id", "-f", "<addrs>"))
	if err != nil {
		return nil, err
	}
	address, _, _ = strings.Cut(address, "\n")
	peer.steps = func(int) []step { return []step{wants("pin", "add", "--progress=false", s.cid)} }
	peer.check = func(int) error { return b.do(wants("pin", "rm", s.cid), wants("repo", "gc", "-q")) }
	return []side{peer}, b.do(wants("swarm", "connect", address))
}

// kubo starts a Kubo node that knows nobody, after these steps, and gives its
// command line.
func (b *bench) kubo(path, name string, before ...step) (func(args ...string) step, error) {
	env := []string{"IPFS_PATH=" + filepath.Join(b.dir, name)}
	ipfs := func(args ...string) step { return step{argv: append([]string{path}, args...), env: env} }
	steps := []step{ipfs("init", "--empty-repo")}
	for key, value := range support.KuboAlone() {
		steps = append(steps, ipfs("config", "--json", key, value))
	}
	for _, s := range before {
		steps = append(steps, step{argv: s.argv, env: env})
	}
	if err := b.do(steps...); err != nil {
		return nil, err
	}
	_, err := b.background(ipfs("daemon"), "Daemon is ready")
	return ipfs, err
}

// firstRun installs a small package by its CID from a gateway, and runs it.
func firstRun(b *bench, _ int) (ours side, peers []side, err error) {
	s := serving{}
	if s.h, err = b.home("small"); err != nil {
		return ours, nil, err
	}
	dir, err := b.toolDir("2.0.0")
	if err != nil {
		return ours, nil, err
	}
	if err := s.of(dir); err != nil {
		return ours, nil, err
	}
	var h home
	return side{name: "ipp",
		before: func(run int) (err error) {
			h, err = b.home(fmt.Sprintf("first-run-%d", run))
			return errors.Join(err, b.sync(run))
		},
		steps: func(int) []step {
			return []step{h.ipp("install", s.cid, "--from", s.url), {argv: []string{h.current() + "/bin/tool"}}}
		},
		check: func(int) error { return errors.Join(shows(h.current(), "2.0.0"), removeAll(h.dir)) }}, nil, nil
}

// networkPeaks is the memory of fetching and of serving a large package.
func networkPeaks(b *bench) (all []row, err error) {
	const gigabyte, most = 1000, 128 // MB, MiB
	s, err := b.serve(gigabyte*1_000_000, 1)
	if err != nil {
		return nil, err
	}
	tell := func(work string, bytes int64) {
		r := row{Figure: "network-memory", Work: "memory of " + work + " of 1 GB"}
		r.compare(bar{kind: peak, most: most}, []cost{{Bytes: bytes}}, nil, false)
		all = append(all, r)
	}
	// The first server goes on, unused: what is measured is another.
	file := filepath.Join(b.dir, "serve-peak")
	measured := s.h.serve()
	measured.argv = append([]string{b.self, "-peak", file, "--"}, measured.argv...)
	if err := s.listen(measured); err != nil {
		return nil, err
	}
	for _, way := range []struct{ name, from string }{{"a gateway", s.url}, {"a peer", s.peer}} {
		h, err := b.home("fetch-memory")
		if err != nil {
			return nil, err
		}
		bytes, err := b.peakOf(h.ipp("install", s.cid, "--from", way.from))
		if err := errors.Join(err, removeAll(h.dir)); err != nil {
			return nil, err
		}
		tell("`ipp install` from "+way.name, bytes)
	}
	if err := b.end(); err != nil {
		return nil, err
	}
	bytes, err := readPeak(file)
	tell("`ipp serve`, to both", bytes)
	return all, err
}

// startUp is a command that does nothing, beside a program of kong's that does
// nothing, whatever else it imports.
func startUp(name, kong string, more ...string) func(*bench, int) (side, []side, error) {
	return func(b *bench, _ int) (ours side, peers []side, err error) {
		h, err := b.home("start-up")
		if err != nil {
			return ours, nil, err
		}
		program := filepath.Join(b.dir, "starts")
		text := fmt.Sprintf("package main\n\nimport %q\n", kong)
		for _, path := range more {
			text += fmt.Sprintf("import _ %q\n", path)
		}
		text += "\nfunc main() {\n\tvar c struct {\n\t\tVersion struct{} `cmd:\"\"`\n\t}\n\tkong.Parse(&c)\n}\n"
		if err := os.WriteFile(program+".go", []byte(text), 0o644); err != nil {
			return ours, nil, err
		}
		err = b.do(step{argv: []string{"go", "build", "-trimpath", "-o", program, program + ".go"}, env: []string{"CGO_ENABLED=0"}})
		ours = side{name: "ipp", steps: func(int) []step { return []step{h.ipp("version")} }}
		return ours, []side{{name: name, steps: func(int) []step { return []step{{argv: []string{program, "version"}}} }}}, err
	}
}
