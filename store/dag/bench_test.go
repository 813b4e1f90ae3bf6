package dag

import (
	"context"
	"crypto/sha256"
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
