//go:build unix

package flock

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"
)

// playExec locks, and lets the idle helper take this process's place.
func playExec(role, path string) error {
	lock := func() (*Lock, error) { return Try(path, Exclusive, role) }
	if role == "create" {
		lock = func() (*Lock, error) { return Create(path, nil) }
	}
	l, err := lock()
	if err != nil {
		return err
	}
	if role == "inherit" {
		if err := l.Inherit(); err != nil {
			return err
		}
	}
	if err := os.Setenv(helperEnv, "idle"); err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(exe, os.Args, os.Environ())
}

func TestInheritSurvivesExec(t *testing.T) {
	path := mutexPath(t)
	h := start(t, "inherit", path)
	h.wantLine(t, "idle")
	_, err := Try(path, Exclusive, "test")
	wantBusy(t, err, Holder{h.cmd.Process.Pid, "inherit"})
	h.end(t)
	release(t, mustTry(t, path, Exclusive, "test"))
}

func TestLocksEndAtExec(t *testing.T) {
	for _, role := range []string{"exec", "create"} {
		path := mutexPath(t)
		h := start(t, role, path)
		h.wantLine(t, "idle")
		release(t, mustTry(t, path, Exclusive, "test"))
		h.end(t)
	}
}

func TestReleaseAfterInherit(t *testing.T) {
	path := mutexPath(t)
	before := openFiles(t)
	l := mustTry(t, path, Exclusive, "work")
	for range 2 {
		if err := l.Inherit(); err != nil {
			t.Fatal(err)
		}
	}
	release(t, l) // the exec failed: the lock must not stay
	if n := openFiles(t) - before; n != 0 {
		t.Errorf("%d descriptors are left open", n)
	}
	release(t, mustTry(t, path, Exclusive, "test"))
}

// A child that was given the descriptor does not keep the lock of a parent
// that released it.
func TestReleaseWhileAChildHasTheDescriptor(t *testing.T) {
	path := mutexPath(t)
	l := mustTry(t, path, Exclusive, "work")
	h := start(t, "idle", path, passing(l.File()))
	h.wantLine(t, "idle")
	if _, err := Try(path, Exclusive, "test"); err == nil {
		t.Error("the lock was not held")
	}
	release(t, l)
	release(t, mustTry(t, path, Exclusive, "test"))
	h.end(t)
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestRenameByLink(t *testing.T) {
	dir := t.TempDir()
	a, b := dir+"/a", dir+"/b"
	if err := os.WriteFile(a, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	// What the kernel says where it can't rename without replacing.
	if err := afterRename(a, b, syscall.EINVAL); err != nil {
		t.Fatal(err)
	}
	wantNames(t, dir, "b")
	if err := os.WriteFile(a, []byte("y"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := afterRename(a, b, syscall.EINVAL); !errors.Is(err, fs.ErrExist) {
		t.Errorf("rename over a taken name: %v", err)
	}
	wantContents(t, b, "x")
	wantNames(t, dir, "a", "b")
}
