package dag_test

import (
	"strings"
	"testing"

	"ipp/store/dag"
)

// TestBoxoSymlink makes symlinks whose lengths take one byte and two.
func TestBoxoSymlink(t *testing.T) {
	t.Parallel()
	m := maker{ds: newMemory()}
	for _, n := range []int{1, 127, 128, 4095} {
		target := strings.Repeat("t", n)
		want, err := m.make([]string{"symlink", target})
		if err != nil {
			t.Fatal(err)
		}
		size, err := want.Size()
		if err != nil {
			t.Fatal(err)
		}
		got, err := dag.NewBuilder().Symlink(target)
		if err != nil || !got.CID.Equals(want.Cid()) || got.Tsize != size {
			t.Errorf("%d bytes: %+v (%v), boxo makes %s of %d bytes", n, got, err, want.Cid(), size)
		}
	}
}
