package index

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"ipp/tests/support"

	"golang.org/x/sys/unix"
)

// mountEnv tells the test binary that it has mounts of its own.
const mountEnv = "IPP_INDEX_MOUNTS"

// ownDisk runs the test in a process with mounts of its own, and there returns a
// small file system; elsewhere "", when that process has ended.
func ownDisk(t *testing.T) string {
	t.Helper()
	if os.Getenv(mountEnv) != "" {
		dir := t.TempDir()
		must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=160m"))
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
		return dir
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), mountEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) {
		support.Skip(t, "needs the right to mount: "+err.Error())
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return ""
}

// TestFullDisk: a disk without a free byte, on which Badger would die.
func TestFullDisk(t *testing.T) {
	dir := ownDisk(t)
	if dir == "" {
		return
	}
	st := someStoreIn(t, dir)
	smallPackages(t, st, 0, 3)
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	same(t, st, false, true)
	must(t, os.Remove(ballast))
	same(t, st, true, false)
	smallPackages(t, st, 10, 3)
	fill(t, ballast)
	same(t, st, true, true)
	rewrite(t, filepath.Join(dirOf(st), "MANIFEST"))
	same(t, st, false, true)
	must(t, os.Remove(ballast))
	same(t, st, true, false)
}

// fill writes until there is no space.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	for chunk := 1 << 20; chunk > 0; chunk /= 16 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, chunk))
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
}

// TestReadOnlyDisk: nothing can be written, an index is there or not.
func TestReadOnlyDisk(t *testing.T) {
	dir := ownDisk(t)
	if dir == "" {
		return
	}
	st := someStoreIn(t, dir)
	mode := func(flags uintptr) { must(t, unix.Mount("", dir, "", unix.MS_REMOUNT|flags, "")) }
	mode(unix.MS_RDONLY)
	same(t, st, false, true)
	mode(0)
	same(t, st, true, false)
	smallPackages(t, st, 0, 3)
	mode(unix.MS_RDONLY)
	same(t, st, false, true)
	if faults, err := Check(t.Context(), st); err != nil || len(faults) > 0 {
		t.Errorf("check says %v, %v", faults, err)
	}
}
