//go:build linux

package hostile

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
)

func itoa(n int) string { return strconv.Itoa(n) }

// fileBomb nests nodes, each of which has its child width times.
func (f *forge) fileBomb(levels, width int, leaf link, size uint64) link {
	for range levels {
		links, sizes := make([]link, width), make([]uint64, width)
		for i := range links {
			links[i], sizes[i] = leaf, size
		}
		leaf, size = f.file(links, sizes...), size*uint64(width)
	}
	return leaf
}

func (f *forge) dirBomb(levels, width int, at link) link {
	for range levels {
		links := make([]link, width)
		for i := range links {
			links[i] = at.as("e" + itoa(i))
		}
		at = f.dir(links...)
	}
	return at
}

// hamtBomb is a HAMT whose 256 slots all hold the shard below.
func (f *forge) hamtBomb(levels int) link {
	at := f.shard(f.raw("x").as("00a"))
	for range levels {
		var links []link
		for i := range 256 {
			links = append(links, at.as(fmt.Sprintf("%02X", i)))
		}
		at = f.shard(links...)
	}
	return at
}

// wide is a HAMT of n entries that are all one empty file.
func (f *forge) wide(n int) link {
	entries, at := make([]link, n), f.raw("")
	for i := range entries {
		entries[i] = at.as("e" + itoa(i))
	}
	return f.hamt(entries)
}

// TestBombs: small packages that would be endless, or too large for any use, are
// refused before a byte of them is written.
func TestBombs(t *testing.T) {
	t.Parallel()
	at := func(name string, make func(f *forge) link) attack {
		return attack{name: name, only: walkers, root: func(f *forge) link { return f.pkg(make(f).as("share")) }}
	}
	try(t, "bombs", []attack{
		at("7 blocks of a file of exabytes", func(f *forge) link { return f.fileBomb(7, 6000, f.raw("x"), 1) }),
		at("a file of 20 GiB", func(f *forge) link { return f.fileBomb(1, 20<<10, f.raw(strings.Repeat("x", 1<<20)), 1<<20) }),
		at("a file of nothing, many times", func(f *forge) link { return f.fileBomb(7, 6000, f.raw(""), 0) }),
		at("a file of framed nothing", func(f *forge) link {
			return f.fileBomb(60, 2, f.node(nil, fType, tFile, fSize, 0), 0)
		}),
		at("a file of inline nothing", func(f *forge) link { return f.fileBomb(2, 20_000, inline(cid.Raw, nil), 0) }),
		larger(at("directories by width", func(f *forge) link { return f.dirBomb(7, 6000, f.raw("x")) })),
		larger(at("directories by depth", func(f *forge) link { return f.dirBomb(40, 2, f.raw("x")) })),
		at("directories of bombs of files", func(f *forge) link {
			return f.dirBomb(3, 1000, f.fileBomb(3, 1000, f.raw(""), 0))
		}),
		larger(at("directories of symlinks", func(f *forge) link { return f.dirBomb(4, 1000, f.symlink("x")) })),
		larger(at("empty directories", func(f *forge) link { return f.dirBomb(4, 1000, f.dir()) })),
		at("65 directories deep", func(f *forge) link { return f.dirBomb(65, 1, f.raw("x")) }),
		at("100,000 directories deep", func(f *forge) link { return f.dirBomb(100_000, 1, f.raw("x")) }),
		at("a file 100,000 nodes deep", func(f *forge) link { return f.fileBomb(100_000, 1, f.raw("x"), 1) }),
		larger(at("300,000 files", func(f *forge) link { return f.dirBomb(2, 550, f.raw("x")) })),
		at("a directory of 100,001", func(f *forge) link { return f.wide(100_001) }),
		at("a HAMT of one shard everywhere", func(f *forge) link { return f.hamtBomb(8) }),
		at("paths of 15,000 bytes", func(f *forge) link {
			d := f.dirBomb(1, 100, f.raw("x"))
			for range 60 {
				d = f.dir(d.as(strings.Repeat("x", 255)))
			}
			return d
		}),
		at("a file of 60 nodes of 2 MiB", func(f *forge) link {
			l := f.raw("x")
			for i := range 60 {
				l = f.node([]link{l}, fType, tFile, fSize, 1, fSizes, 1, fUnknown, fat(i))
			}
			return l
		}),
		at("a file of 60 links of 2 MiB", func(f *forge) link {
			l := f.raw("x")
			for i := range 60 {
				l = f.file([]link{l.as(fat(i))}, 1)
			}
			return l
		}),
		at("60 directories of 2 MiB", func(f *forge) link {
			l := f.raw("x")
			for i := range 60 {
				l = f.node([]link{l.as(slot("d") + "d")}, fType, tHAMT, fData, slotBit("d"), fHash, murmur, fFanout, 256, fUnknown, fat(i))
			}
			return l
		}),
		at("a block of 3 MiB", func(f *forge) link { return f.raw(strings.Repeat("x", 3<<20)) }),
		at("a leaf that claims 1 GiB", func(f *forge) link { return f.file([]link{f.raw("x")}, 1<<30) }),
		at("an inline CID of 100 kB", func(f *forge) link { return inline(cid.Raw, make([]byte, 100_000)) }),
	})
}

// larger is for what verify, which remembers each of 250,000 paths, needs so far.
func larger(a attack) attack {
	a.memory = 128 << 20
	return a
}

// TestClaims: what a DAG says of its own sizes is held against what it holds.
// Tsize is nobody's to believe.
func TestClaims(t *testing.T) {
	t.Parallel()
	at := func(name string, make func(f *forge) link) attack {
		return attack{name: name, root: func(f *forge) link { return f.pkg(make(f).as("share")) }}
	}
	x := func(f *forge) link { return f.raw("xyz") }
	try(t, "claims", []attack{
		at("Tsize of a file 0", func(f *forge) link { return x(f).claims(0) }),
		at("Tsize of a file too large by one", func(f *forge) link { return x(f).claims(4) }),
		at("Tsize of a file too small by one", func(f *forge) link { return x(f).claims(2) }),
		at("Tsize of a file the largest there is", func(f *forge) link { return x(f).claims(math.MaxUint64) }),
		at("Tsize of a directory the largest there is", func(f *forge) link { return f.dir(x(f).as("x")).claims(math.MaxUint64) }),
		at("Tsizes that overflow", func(f *forge) link {
			return f.dir(x(f).as("x").claims(math.MaxUint64), x(f).as("y").claims(math.MaxUint64)).claims(math.MaxUint64)
		}),
		at("a file larger than its blocks", func(f *forge) link { return f.node([]link{x(f)}, fType, tFile, fSize, 4, fSizes, 3) }),
		at("a file smaller than its blocks", func(f *forge) link { return f.node([]link{x(f)}, fType, tFile, fSize, 2, fSizes, 3) }),
		at("a piece larger than its leaf", func(f *forge) link { return f.file([]link{x(f)}, 4) }),
		at("a piece smaller than its leaf", func(f *forge) link { return f.file([]link{x(f)}, 2) }),
		at("more sizes than pieces", func(f *forge) link { return f.file([]link{x(f)}, 3, 0) }),
		at("more pieces than sizes", func(f *forge) link { return f.file([]link{x(f), x(f)}, 3) }),
		at("sizes that overflow", func(f *forge) link { return f.file([]link{x(f), x(f)}, math.MaxUint64, 4) }),
		at("a size of 2^63", func(f *forge) link { return f.file([]link{x(f)}, 1<<63) }),
		at("contents beside pieces", func(f *forge) link {
			return f.node([]link{x(f)}, fType, tFile, fData, "abc", fSize, 6, fSizes, 3)
		}),
		at("a size and no contents", func(f *forge) link { return f.node(nil, fType, tFile, fSize, 1<<40) }),
	})
}
