//go:build unix

package generation

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"ipp/lock"
)

// TestWriteIgnoresUmask: a forest is the same for whoever built it.
func TestWriteIgnoresUmask(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "g")
	defer syscall.Umask(syscall.Umask(0o077))
	if err := Write(dir, &Forest{dirs: []string{"bin"}}, &Generation{Lock: &lock.Lockfile{}}, ""); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{
		".": 0o755, "bin": 0o755, InfoName: 0o644, lock.ProfileName: 0o644, lock.LockName: 0o644,
	} {
		i, err := os.Stat(filepath.Join(dir, name))
		if err != nil || i.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", name, i.Mode(), err, want)
		}
	}
}
