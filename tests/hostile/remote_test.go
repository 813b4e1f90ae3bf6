//go:build linux

package hostile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ipp/store/dag"
	"ipp/tests/peers"
	"ipp/tests/whole"

	"github.com/ipfs/go-cid"
)

// maxFetching is what a command that fetches may have resident at most: blocks that
// are ahead of the walk, nodes, and what is under way of each source.
const maxFetching = 128 << 20

// Block implements peers.Blocks.
func (f *forge) Block(_ context.Context, c cid.Cid) ([]byte, error) {
	if b, ok := f.blocks[c]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("block %s: %w", c, fs.ErrNotExist)
}

// carBelow is an archive of what is below a link, in the order of a walk.
func (f *forge) carBelow(root link) []byte {
	b, seen := carHeader(root), map[cid.Cid]bool{}
	var walk func(c cid.Cid)
	walk = func(c cid.Cid) {
		if seen[c] || f.blocks[c] == nil {
			return
		}
		seen[c] = true
		b = section(b, c, f.blocks[c])
		links, _ := dag.Links(c, f.blocks[c])
		for _, l := range links {
			walk(l)
		}
	}
	walk(root.cid)
	return b
}

// wanted is a package of 3 MB, of which most is in leaves.
func wanted() (*forge, link) {
	f := newForge()
	var pieces []link
	var sizes []uint64
	for i := range 3 {
		data := strings.Repeat(fmt.Sprintf("piece %d of a file\n", i), 55_000)
		pieces, sizes = append(pieces, f.raw(data)), append(sizes, uint64(len(data)))
	}
	var small []link
	for i := range 20 {
		small = append(small, f.raw(fmt.Sprintf("small file %d\n", i)).as(fmt.Sprintf("%02d", i)))
	}
	large := f.file(pieces, sizes...)
	return f, f.pkg(f.dir(f.dir(small...).as("doc"), large.as("large")).as("share"))
}

// size is how many bytes a forge has.
func (f *forge) size() (n int64) {
	for _, b := range f.blocks {
		n += int64(len(b))
	}
	return n
}

// from are the flags that name sources.
func from(sources ...string) (args []string) {
	for _, s := range sources {
		args = append(args, "--from", s)
	}
	return args
}

// fetch runs a command that fetches, with few descriptors.
func (w *world) fetch(args ...string) outcome {
	w.t.Helper()
	script := `ulimit -n 64 && exec "$0" "$@"`
	out := w.runner.run(w.t, order{Path: "/bin/sh", Args: append([]string{"-c", script, ippPath}, args...), Dir: w.work, Env: w.env(), Umask: 0o022})
	if out.Memory > maxFetching {
		w.t.Errorf("%q had %d MiB resident, %d at most", args, out.Memory>>20, maxFetching>>20)
	}
	if out.Signal != "" || strings.Contains(out.Stderr, "goroutine ") {
		w.t.Errorf("%q died: %s\n%s", args, out.Signal, out.Stderr)
	}
	escaped(w.t, "what it prints", out.Stdout+out.Stderr)
	return out
}

// installed fails unless the package is, and whole.
func (w *world) installed(out outcome) {
	w.t.Helper()
	if out.Code != 0 {
		w.t.Fatalf("exit %d\n%s", out.Code, out.Stderr)
	}
	if bad := whole.Check(filepath.Join(w.home, ".local/state/ipp")); len(bad) > 0 {
		w.t.Error(strings.Join(bad, "\n"))
	}
}

// size is how many bytes the files of a world have, those apart that it began with.
func (w *world) size() (n int64) {
	w.t.Helper()
	err := filepath.WalkDir(w.home, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !d.Type().IsRegular() {
			return nil
		}
		rel, _ := filepath.Rel(w.dir, path)
		if _, before := w.base[rel]; err != nil || before {
			return err
		}
		fi, err := d.Info()
		if err == nil {
			n += fi.Size()
		}
		return err
	})
	must(w.t, err)
	return n
}

// named replaces what differs from run to run: where sources are, and times.
func named(text string, sources map[string]string) string {
	for name, address := range sources {
		text = strings.ReplaceAll(text, address, "<"+name+">")
	}
	text = regexp.MustCompile(`127\.0\.0\.1:\d+(->127\.0\.0\.1:\d+)?`).ReplaceAllString(text, "ADDRESS")
	return regexp.MustCompile(`for [0-9.]+m?s`).ReplaceAllString(text, "for SOME TIME")
}

// TestRemoteGateways: a gateway that is hostile, alone: refused, with the reason;
// nothing is written.
func TestRemoteGateways(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f, root := wanted()
	var said strings.Builder
	for _, kind := range sorted(quick) {
		url := serveBlocks(t, f, root, quick[kind], nil)
		out := w.fetch(append([]string{"install", root.cid.String()}, from(url)...)...)
		fmt.Fprintf(&said, "## %s\ninstall %d:\n%s", kind, out.Code, indent(named(out.Stdout+out.Stderr, map[string]string{"gateway": url})))
		w.unchanged()
	}
	golden(t, "gateways", said.String())
}

// TestRemoteArchives: a gateway whose blocks are honest, and its archives not: the
// package comes all the same, block by block.
func TestRemoteArchives(t *testing.T) {
	t.Parallel()
	f, root := wanted()
	w := newWorld(t)
	for _, kind := range sorted(archivers) {
		url := serveBlocks(t, f, root, nil, archivers[kind])
		out := w.fetch(append([]string{"install", root.cid.String()}, from(url)...)...)
		if w.installed(out); t.Failed() {
			t.Fatalf("archives are %s", kind)
		}
		for _, args := range [][]string{{"remove", "evil"}, {"gc", "--keep", "1"}} {
			if out := w.ipp(args...); out.Code != 0 {
				t.Fatalf("%q: %s", args, out.Stderr)
			}
		}
	}
}

// nine are hostile peers, by kind, and their names in the order of Kinds.
func nine(t *testing.T) (map[string]string, []string) {
	t.Helper()
	all, addrs := map[string]string{}, []string{}
	for _, kind := range peers.Kinds {
		address := peers.Hostile(t, kind).Address()
		all["peer, "+kind], addrs = address, append(addrs, address)
	}
	return all, addrs
}

// TestRemoteOneHonest: nine hostile peers and one that is honest; hostile gateways
// of each kind, and one that is honest; both together.
func TestRemoteOneHonest(t *testing.T) {
	t.Parallel()
	f, root := wanted()
	_, hostilePeers := nine(t)
	var gateways []string
	for _, kinds := range []map[string]gateway{quick, slow} {
		for _, kind := range sorted(kinds) {
			gateways = append(gateways, serveBlocks(t, f, root, kinds[kind], nil))
		}
	}
	honestPeer, honestGateway := peers.Honest(t, f).Address(), serveBlocks(t, f, root, nil, nil)
	for name, sources := range map[string][]string{
		"peers":    append(slices.Clone(hostilePeers), honestPeer),
		"gateways": append(slices.Clone(gateways), honestGateway),
		"both":     slices.Concat(hostilePeers, gateways, []string{honestGateway}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			out := w.fetch(append([]string{"install", root.cid.String()}, from(sources...)...)...)
			w.installed(out)
			if !strings.Contains(out.Stderr, " is asked no more: it sent other bytes than were asked for") {
				t.Errorf("nobody is said to have lied:\n%s", out.Stderr)
			}
		})
	}
}

// TestRemoteAllHostile: nine hostile peers, and the gateways that are waited for: it
// fails in the time that they have, says what each did, and leaves nothing.
func TestRemoteAllHostile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f, root := wanted()
	sources, addrs := nine(t)
	for _, kind := range sorted(slow) {
		url := serveBlocks(t, f, root, slow[kind], nil)
		sources["gateway, "+kind], addrs = url, append(addrs, url)
	}
	out := w.fetch(append([]string{"install", root.cid.String()}, from(addrs...)...)...)
	text := named(out.Stdout+out.Stderr, sources)
	// On a machine that is busy its flood may not be large enough within its 10 s.
	flood := "<peer, flooding>: dropped: it sent "
	text = strings.ReplaceAll(text, flood+"nothing for SOME TIME", flood+"more than was asked for")
	golden(t, "all-hostile", fmt.Sprintf("## all of them\ninstall %d:\n%s", out.Code, indent(strings.ReplaceAll(text, "; ", ";\n"))))
	w.unchanged()
}

// TestRemoteTurns: who is honest for half of the package, and then lies or floods,
// leaves behind what was verified and no more than that; with it the next one goes on.
func TestRemoteTurns(t *testing.T) {
	t.Parallel()
	f, root := wanted()
	for _, kind := range []string{"other bytes", "endless", "compressed", "nothing"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			late := f.order[2] // the last piece of the large file
			turning := gateway(func(wr http.ResponseWriter, r *http.Request, b []byte) {
				if b != nil && sum(cid.Raw, b) == late {
					quick[kind](wr, r, b)
					return
				}
				wr.Write(b)
			})
			out := w.fetch(append([]string{"install", root.cid.String()}, from(serveBlocks(t, f, root, turning, nil))...)...)
			if out.Code != 7 {
				t.Errorf("exit %d: %s", out.Code, out.Stderr)
			}
			if n := w.size(); n > 2*f.size() {
				t.Errorf("%d bytes are on disk, the package has %d", n, f.size())
			}
			w.installed(w.fetch(append([]string{"install", root.cid.String()}, from(serveBlocks(t, f, root, nil, nil))...)...))
		})
	}
}
