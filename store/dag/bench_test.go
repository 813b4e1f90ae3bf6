package dag

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"github.com/ipfs/go-cid"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// benchFile makes a file of n bytes whose pages are cached.
func benchFile(tb testing.TB, n int64) *os.File {
	tb.Helper()
	f, err := os.Create(filepath.Join(tb.TempDir(), "file"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	if _, err := io.Copy(f, io.LimitReader(&pattern{}, n)); err != nil {
		tb.Fatal(err)
	}
	return f
}

const benchSize = 1 << 30

// BenchmarkLeaves and BenchmarkSHA256 belong together: on two cores the first
// must take at most 0.65 of the second's time.
func BenchmarkLeaves(b *testing.B) {
	f := benchFile(b, benchSize)
	p := NewPool(0)
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.HashFile(context.Background(), f, benchSize, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSHA256(b *testing.B) {
	f := benchFile(b, benchSize)
	buf := make([]byte, 1<<20)
	b.SetBytes(benchSize)
	for b.Loop() {
		h := sha256.New()
		if _, err := io.CopyBuffer(h, io.NewSectionReader(f, 0, benchSize), buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpenCAR opens an archive of many small blocks.
func BenchmarkOpenCAR(b *testing.B) {
	f := newForge()
	path := filepath.Join(b.TempDir(), "x.car")
	out, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w, err := NewCARWriter(out, f.raw("x").cid)
	if err != nil {
		b.Fatal(err)
	}
	const blocks, size = 100_000, 4096
	data := make([]byte, size)
	for i := range blocks {
		binary.LittleEndian.PutUint32(data, uint32(i))
		if err := w.Put(sum(cid.Raw, data), data); err != nil {
			b.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(blocks * size)
	b.ReportAllocs()
	for b.Loop() {
		c, err := OpenCAR(path)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWalk walks 100 directories of 100 files each.
func BenchmarkWalk(b *testing.B) {
	f := newForge()
	var dirs []link
	for i := range 100 {
		var files []link
		for j := range 100 {
			files = append(files, f.raw(fmt.Sprint(i, j)).as(fmt.Sprintf("file-%d.txt", j)))
		}
		dirs = append(dirs, f.dir(files...).as(fmt.Sprintf("directory %d", i)))
	}
	root := f.dir(dirs...)
	b.ReportAllocs()
	for b.Loop() {
		if err := Walk(context.Background(), f, root.cid, WalkOptions{}, func(*Entry) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
