package durable

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"
)

func TestProbeLeavesNothing(t *testing.T) {
	for _, umask := range []int{0, 0o077, 0o777} {
		dir := t.TempDir()
		setUmask(t, umask)
		can, err := Probe(dir)
		if err != nil {
			t.Fatal(err)
		}
		if !can.HardLinks {
			t.Error("no hard links here?")
		}
		wantNames(t, dir)
	}
}

func TestProbeRefuses(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "file"), "x")
	for name, want := range map[string]error{"absent": fs.ErrNotExist, "file": syscall.ENOTDIR} {
		if _, err := Probe(filepath.Join(dir, name)); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantNames(t, dir, "file")
}
