package store

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestBlockSize: blocks are counted in fragments, where a file system has any.
func TestBlockSize(t *testing.T) {
	if got := blockSize(&unix.Statfs_t{Bsize: 1 << 20, Frsize: 4096}); got != 4096 {
		t.Errorf("with fragments of 4096 bytes it is %d", got)
	}
	if got := blockSize(&unix.Statfs_t{Bsize: 512}); got != 512 {
		t.Errorf("without fragments it is %d, not that of a block", got)
	}
}
