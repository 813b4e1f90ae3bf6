package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// bigPackage makes a package of so many bytes that no file system can shrink,
// the same in every run.
func bigPackage(dir string, bytes, files int) error {
	err := writeTree(dir, map[string]string{"package.toml": "format = 1\nname = \"big\"\nversion = \"1.0.0\"\n"})
	if err != nil {
		return err
	}
	random := rand.NewChaCha8([32]byte{})
	buf := make([]byte, min(1<<20, bytes/files))
	for i := range files {
		path := filepath.Join(dir, bigFile(i))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := writeRandom(path, bytes/files, random, buf); err != nil {
			return err
		}
	}
	return nil
}

// bigFile is the path of a big package's file i.
func bigFile(i int) string { return fmt.Sprintf("share/%02d/%04d", i/1000, i) }

// writeRandom writes through buf: what measures memory must not need any.
func writeRandom(path string, size int, random *rand.ChaCha8, buf []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for size > 0 {
		piece := buf[:min(size, len(buf))]
		_, _ = random.Read(piece) // never fails
		if _, err := f.Write(piece); err != nil {
			return err
		}
		size -= len(piece)
	}
	return nil
}

// writeTree writes files by path; what lies in bin is executable, a path that
// ends in a slash is a directory.
func writeTree(dir string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(dir, name)
		parent, mode := filepath.Dir(path), os.FileMode(0o644)
		if strings.HasSuffix(name, "/") {
			parent = path
		}
		if err := os.MkdirAll(parent, 0o755); err != nil {
			return err
		}
		if strings.HasPrefix(name, "bin/") {
			mode = 0o755
		}
		if parent != path {
			if err := os.WriteFile(path, []byte(text), mode); err != nil {
				return err
			}
		}
	}
	return nil
}
