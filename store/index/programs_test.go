package index

import (
	"os"
	"path/filepath"
	"testing"

	"ipp/store"
	"ipp/store/dag"
	"ipp/tests/programs"
	"ipp/tests/support"

	ipld "github.com/ipfs/go-ipld-format"
)

// TestPrograms compares every answer on real programs, cut in two ways by turns.
func TestPrograms(t *testing.T) {
	st := newStore(t)
	n := 0
	for _, p := range programs.All() {
		if !p.Fetched() || p.Platform != "linux-amd64" || p.Version == "0.25.1" || p.Version == "0.25.2" {
			continue
		}
		s := []style{styles()[0], styles()[2]}[n%2]
		s.chunk = 256 << 10
		m := memory{}
		root := onDisk(t, s, m, p.Dir()).Cid()
		ensure(t, st, store.Want{Key: store.Key{Root: root, Part: store.AnyPart}}, dag.Blocks(m))
		n++
	}
	if n == 0 {
		support.Skip(t, "needs real programs: go run ./tests/programs/fetch")
	}
	same(t, st, true, false)
}

// onDisk makes nodes of what lies at path.
func onDisk(t *testing.T, s style, m memory, path string) ipld.Node {
	t.Helper()
	fi, err := os.Stat(path)
	must(t, err)
	if !fi.IsDir() {
		data, err := os.ReadFile(path)
		must(t, err)
		return s.file(t, m, data)
	}
	names, err := os.ReadDir(path)
	must(t, err)
	entries := map[string]ipld.Node{}
	for _, n := range names {
		if n.Type().IsRegular() || n.IsDir() {
			entries[n.Name()] = onDisk(t, s, m, filepath.Join(path, n.Name()))
		}
	}
	return s.dir(t, m, entries)
}
