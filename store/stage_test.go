package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// A file of so many leaves that they go side by side is told apart from what
// lies in its place like any other: in staging, and as an object.
func TestLargeFileThatDiffers(t *testing.T) {
	contents := strings.Repeat("y", 9*dag.LeafSize)
	damaged := []byte(contents)
	copy(damaged[5*dag.LeafSize:], "damage")
	m := pkg(t, map[string]string{"large": contents})
	w := want(m, AnyPart)

	s := newStore(t)
	dir := s.stagingDir(w.Key)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "large"), damaged, 0o444); err != nil {
		t.Fatal(err)
	}
	mustBeWhole(t, s, w, m)

	s = newStore(t)
	files, err := s.Files(mustEnsure(t, s, w, m).Key)
	if err != nil {
		t.Fatal(err)
	}
	object := s.objectPath(files[0].Object)
	if err := errors.Join(os.RemoveAll(s.TreeDir(w.Key)), os.Remove(object), os.WriteFile(object, damaged, 0o444)); err != nil {
		t.Fatal(err)
	}
	mustBeWhole(t, s, w, m)
}

func mustBeWhole(t *testing.T, s *Store, w Want, m *memory) {
	t.Helper()
	mustEnsure(t, s, w, m)
	if faults, err := s.Verify(t.Context(), w.Key, nil); err != nil || len(faults) > 0 {
		t.Errorf("Verify = %v, %v", faults, err)
	}
}

// lacking is a source that lacks one block.
type lacking struct {
	*memory
	lost string // its KeyString
}

func (l lacking) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	if c.KeyString() == l.lost {
		return nil, fmt.Errorf("block %s: %w", c, fs.ErrNotExist)
	}
	return l.memory.Block(ctx, c)
}

// A source that lacks a leaf is not a package that is not there.
func TestMissingLeaf(t *testing.T) {
	m := pkg(t, map[string]string{"a": "one", "d/b": "two"})
	for key := range m.leaves {
		s := newStore(t)
		before := listing(t, s.path("trees")) + listing(t, s.path("objects"))
		_, err := ensure(t, s, want(m, AnyPart), lacking{m, key})
		missing, ok := errors.AsType[*dag.MissingBlockError](err)
		if !ok || missing.CID.KeyString() != key || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v (%T)", err, err)
		}
		if after := listing(t, s.path("trees")) + listing(t, s.path("objects")); after != before {
			t.Errorf("it left %s", after)
		}
		mustBeWhole(t, s, want(m, AnyPart), m)
	}
}
