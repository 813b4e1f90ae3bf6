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
	l, err := Try(path, Exclusive, role)
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
	path := mutexPath(t)
	h := start(t, "exec", path)
	h.wantLine(t, "idle")
	release(t, mustTry(t, path, Exclusive, "test"))
	h.end(t)
}

func TestReleaseAfterInherit(t *testing.T) {
	path := mutexPath(t)
	l := mustTry(t, path, Exclusive, "work")
	for range 2 {
		if err := l.Inherit(); err != nil {
			t.Fatal(err)
		}
	}
	before := openFiles(t)
	release(t, l) // the exec failed: the lock must not stay
	if n := before - openFiles(t); n != 2 {
		t.Errorf("Release closed %d descriptors, want 2", n)
	}
	release(t, mustTry(t, path, Exclusive, "test"))
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
