package index

import (
	"fmt"
	"testing"

	"ipp/store"

	ipld "github.com/ipfs/go-ipld-format"
)

// smallPackages brings n small packages into the store.
func smallPackages(t testing.TB, st *store.Store, from, n int) {
	t.Helper()
	s := styles()[0]
	for i := from; i < from+n; i++ {
		m := memory{}
		root := s.dir(t, m, map[string]ipld.Node{
			"package.toml": s.file(t, m, fmt.Appendf(nil, "format = 1\nname = \"p%d\"\nversion = \"1.0.0\"\n", i)),
			"PackManifest": s.file(t, m, fmt.Appendf(nil, "manifest of %d", i)),
			"bin":          s.dir(t, m, map[string]ipld.Node{"p": s.file(t, m, pattern(16<<10, uint64(i)))}),
		}).Cid()
		ensure(t, st, store.Want{Key: store.Key{Root: root, Part: store.AnyPart}}, m)
	}
}

// BenchmarkCatchUp brings an index of 100 packages up to date with 100 more.
func BenchmarkCatchUp(b *testing.B) {
	st := newStore(b)
	smallPackages(b, st, 0, 100)
	closeIndex(b, open(b, st))
	before := contents(b, dirOf(st))
	smallPackages(b, st, 100, 100)
	for b.Loop() {
		b.StopTimer()
		put(b, dirOf(st), before)
		b.StartTimer()
		x := open(b, st)
		if len(x.Trees()) != 200 || x.memory != nil {
			b.Fatal("it is not up to date")
		}
		closeIndex(b, x)
	}
}

// BenchmarkFound opens an index that is up to date.
func BenchmarkFound(b *testing.B) {
	st := newStore(b)
	smallPackages(b, st, 0, 200)
	for b.Loop() {
		closeIndex(b, open(b, st))
	}
}

// BenchmarkMemory makes the index of 100 packages in memory.
func BenchmarkMemory(b *testing.B) {
	st := newStore(b)
	smallPackages(b, st, 0, 100)
	for b.Loop() {
		x, err := openWith(b.Context(), st, asTold(), func(string) (int64, int64, bool) { return 0, 0, true })
		must(b, err)
		if x.memory == nil {
			b.Fatal("it is on disk")
		}
		closeIndex(b, x)
	}
}
