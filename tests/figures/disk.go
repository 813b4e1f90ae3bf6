package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ipp/tests/programs"
)

// versionsOnDisk compares what four installed versions of a program take with
// what their files take, equal ones counted once: the store, the profile and
// all else that ipp keeps, against plain copies in one directory.
func versionsOnDisk(b *bench) ([]row, error) {
	r := row{Figure: "disk", Work: "four versions of esbuild, installed", Peer: "their distinct files, copied"}
	limit := bar{kind: disk, ratio: 1.02}
	dirs, err := b.esbuilds()
	if errors.Is(err, fs.ErrNotExist) {
		r.compare(limit, nil, nil, false)
		r.Missing = "go run ./tests/programs/fetch"
		return []row{r}, nil
	}
	if err != nil {
		return nil, err
	}
	h, err := b.home("disk")
	if err != nil {
		return nil, err
	}
	unique := filepath.Join(b.dir, "disk-unique")
	if err := os.Mkdir(unique, 0o755); err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if err := b.do(h.ipp("install", dir)); err != nil {
			return nil, err
		}
		if err := copyDistinct(dir, unique); err != nil {
			return nil, err
		}
	}
	if err := b.sync(0); err != nil { // what is not written yet is not allocated
		return nil, err
	}
	ours, err := allocatedBelow(h.dir)
	if err != nil {
		return nil, err
	}
	theirs, err := allocatedBelow(unique)
	if err != nil {
		return nil, err
	}
	r.compare(limit, []cost{{Bytes: ours}}, []cost{{Bytes: theirs}}, false)
	return []row{r}, nil
}

// esbuilds makes packages of esbuild's versions, as their author would. The
// error Is fs.ErrNotExist where they were not fetched.
func (b *bench) esbuilds() (dirs []string, err error) {
	for _, p := range programs.All() {
		if p.Name != "esbuild" || p.Platform != "linux-amd64" {
			continue
		}
		dir := filepath.Join(b.dir, "esbuild-"+p.Version)
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(p.Dir(), "package"))); err != nil {
			return nil, err
		}
		err := writeTree(dir, map[string]string{"package.toml": "format = 1\nname = \"esbuild\"\nversion = \"" + p.Version + "\"\n"})
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}

// copyDistinct copies the files of a tree, flat, under the names of their
// contents.
func copyDistinct(dir, to string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, fmt.Sprintf("%x", sha256.Sum256(data))), data, 0o644)
	})
}

// allocatedBelow is what a directory takes on disk, all in all.
func allocatedBelow(dir string) (total int64, err error) {
	seen := map[[2]uint64]bool{}
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		bytes, id, ok := allocated(info)
		if !ok {
			return errors.New("this system does not say what a file takes on disk")
		}
		if !seen[id] {
			seen[id] = true
			total += bytes
		}
		return nil
	})
	return total, err
}
