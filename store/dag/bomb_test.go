package dag

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
)

// bombs are small DAGs whose trees are endless for all practical purposes.
func bombs(f *forge) map[string]link {
	return map[string]link{
		"a file of exabytes":        fileBomb(f, 7, 6000, f.raw("x"), 1),
		"a file of nothing":         fileBomb(f, 7, 6000, f.raw(""), 0),
		"framed nothing":            fileBomb(f, 7, 6000, f.framed(typeFile, ""), 0),
		"narrow nothing":            fileBomb(f, 60, 2, f.framed(typeFile, ""), 0),
		"one by one":                fileBomb(f, 60, 1, fileBomb(f, 3, 3000, f.raw(""), 0), 0),
		"directories of all":        dirBomb(f, 7, 6000),
		"directories of two":        dirBomb(f, 60, 2),
		"directories of files":      dirOver(f, 3, 6000, fileBomb(f, 3, 6000, f.raw(""), 0)),
		"directories without end":   dirBomb(f, 100_000, 1),
		"files without end":         fileBomb(f, 100_000, 1, f.raw("x"), 1),
		"long paths":                longPaths(f, 60, 200),
		"a HAMT of one shard":       hamtBomb(f),
		"inline links in a block":   inlineBomb(f),
		"directories of inline":     dirOver(f, 4, 900, identity(cid.Raw, nil)),
		"symlinks in all":           dirOver(f, 5, 1000, f.symlink("x")),
		"directories of one each":   dirOver(f, 30, 2, dirOver(f, 30, 1, f.raw("x"))),
		"nothing but empty folders": dirOver(f, 5, 500, f.dir()),
	}
}

// fileBomb nests nodes, each of which has its child width times.
func fileBomb(f *forge, levels, width int, leaf link, size uint64) link {
	for range levels {
		fields := []any{fsType, typeFile, fsSize, size * uint64(width)}
		links := make([]link, width)
		for i := range links {
			links[i] = leaf
			fields = append(fields, fsSizes, size)
		}
		leaf, size = f.node(links, fields...), size*uint64(width)
	}
	return leaf
}

func dirBomb(f *forge, levels, width int) link { return dirOver(f, levels, width, f.raw("x")) }

func dirOver(f *forge, levels, width int, at link) link {
	for range levels {
		links := make([]link, width)
		for i := range links {
			links[i] = at.as(fmt.Sprintf("entry-%d", i))
		}
		at = f.dir(links...)
	}
	return at
}

func longPaths(f *forge, levels, width int) link {
	at := dirBomb(f, 1, width)
	for range levels {
		at = f.dir(at.as(strings.Repeat("x", 255)))
	}
	return at
}

// hamtBomb is a shard whose 256 slots all hold the shard below.
func hamtBomb(f *forge) link {
	at := f.node([]link{f.raw("x").as("00a")}, fsType, typeHAMTShard, fsData, "\x01", fsHash, murmur3x64, fsFanout, 256)
	for range 8 {
		var links []link
		for i := range 256 {
			links = append(links, at.as(fmt.Sprintf("%02X", i)))
		}
		at = f.node(links, fsType, typeHAMTShard, fsData, strings.Repeat("\xff", 32), fsHash, murmur3x64, fsFanout, 256)
	}
	return at
}

// inlineBomb is a block with as many links as there is room for, many times.
func inlineBomb(f *forge) link {
	full := fileBomb(f, 1, MaxBlock/14-10, identity(cid.Raw, nil), 0)
	return fileBomb(f, 1, 30_000, full, 0)
}

// TestBombs: each is refused after little work, in little memory, and nothing of
// it that is large was handed on. The test's own time limit is the clock: a walk
// that follows one of these does not end. BenchmarkBombs has the times.
func TestBombs(t *testing.T) {
	f := newForge()
	for name, root := range bombs(f) {
		t.Run(name, func(t *testing.T) {
			clear(f.asked)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := Walk(context.Background(), f, root.cid, WalkOptions{}, func(*Entry) error { return nil })
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Fatal("was walked to its end")
			}
			if _, ok := errors.AsType[*LimitError](err); !ok {
				if _, ok := errors.AsType[*FormatError](err); !ok {
					t.Errorf("%v (%T)", err, err)
				}
			}
			asked := 0
			for _, n := range f.asked {
				asked += n
			}
			if asked > 100_000 {
				t.Errorf("%d blocks were read", asked)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 512<<20 {
				t.Errorf("%d MiB were allocated", n>>20)
			}
		})
	}
}

func BenchmarkBombs(b *testing.B) {
	f := newForge()
	for name, root := range bombs(f) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := Walk(context.Background(), f, root.cid, WalkOptions{}, func(*Entry) error { return nil }); err == nil {
					b.Fatal("was walked to its end")
				}
			}
		})
	}
}
