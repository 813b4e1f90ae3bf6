package full

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ipp/tests/support"
)

// inside says that this process is the one in the user namespace.
const inside = "IPP_FULL_INSIDE"

// TestMain runs the tests where a tmpfs can be mounted.
func TestMain(m *testing.M) {
	if os.Getenv(inside) != "" || mayMount() {
		os.Exit(runAll(m))
	}
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdout, os.Stderr, append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	err = cmd.Run()
	var status *exec.ExitError
	switch {
	case errors.As(err, &status):
		os.Exit(status.ExitCode())
	case err != nil: // no user namespaces: each test says what it lacks
		os.Exit(runAll(m))
	}
}

// binDir is where ipp is built.
var binDir string

func runAll(m *testing.M) int {
	var err error
	if binDir, err = os.MkdirTemp("", "ipp-full-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(binDir)
	return m.Run()
}

func mayMount() bool {
	dir, err := os.MkdirTemp("", "ipp-full-")
	if err != nil {
		return false
	}
	defer os.Remove(dir)
	return unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k") == nil && unix.Unmount(dir, 0) == nil
}

// tmpfs mounts one.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		support.Skip(t, fmt.Sprintf("needs to mount a tmpfs, as root or in a user namespace: %v", err))
	}
	t.Cleanup(func() { unmount(t, dir) })
	return dir
}

// ext4 mounts one that lies in a file, with all its blocks for everybody.
func ext4(t *testing.T, mkfs ...string) string {
	t.Helper()
	dir, image := t.TempDir(), filepath.Join(t.TempDir(), "image")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 24<<20)); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-q", "-m", "0"}, append(mkfs, image)...)
	if out, err := exec.Command(support.Tool(t, "mkfs.ext4"), args...).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v\n%s", err, out)
	}
	if out, err := exec.Command(support.Tool(t, "mount"), "-o", "loop", image, dir).CombinedOutput(); err != nil {
		if os.Getenv(inside) != "" || os.Geteuid() != 0 {
			t.Skipf("needs root for a loop device; the same runs on tmpfs: %s", out)
		}
		support.Skip(t, fmt.Sprintf("needs a loop device: %v\n%s", err, out))
	}
	t.Cleanup(func() { unmount(t, dir) })
	return dir
}

func unmount(t *testing.T, dir string) {
	if err := unix.Unmount(dir, 0); err != nil {
		t.Errorf("unmount: %v", err)
		_ = unix.Unmount(dir, unix.MNT_DETACH)
	}
}

// fill leaves no byte, and then no block for a new file either.
func fill(t *testing.T, dir string) {
	t.Helper()
	random := rand.NewChaCha8([32]byte{1})
	for size := 1 << 20; size > 0; size /= 16 {
		buf := make([]byte, size)
		for range 200 {
			random.Read(buf)
			if appendTo(filepath.Join(dir, "filler"), buf) != nil {
				break
			}
		}
	}
	if err := appendTo(filepath.Join(dir, "one more"), []byte{1}); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	_ = os.Remove(filepath.Join(dir, "one more"))
}

func appendTo(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// fillFiles leaves no inode.
func fillFiles(t *testing.T, dir string) {
	t.Helper()
	for i := range 1 << 20 {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("filler-%d", i)))
		if errors.Is(err, unix.ENOSPC) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	t.Fatal("a million files, and there is room for more")
}

// writePackage makes a version of prog with 20 files of 20 KB.
func writePackage(t *testing.T, dir, version string) {
	t.Helper()
	files := map[string]string{
		"package.toml": "format = 1\nname = \"prog\"\nversion = \"" + version + "\"\n",
		"bin/prog":     "#!/bin/sh\necho " + version + "\n",
	}
	for i := range 20 {
		files[fmt.Sprintf("share/prog/%d", i)] = strings.Repeat(fmt.Sprintf("%s %d\n", version, i), 2500)
	}
	for name, text := range files {
		path, mode := filepath.Join(dir, name), os.FileMode(0o644)
		if name == "bin/prog" {
			mode = 0o755
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), mode)); err != nil {
			t.Fatal(err)
		}
	}
}
