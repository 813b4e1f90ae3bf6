package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// TempPrefix begins every temporary name. What a killed process left under
// such a name is rubbish.
const TempPrefix = ".tmp."

// IsTemp says whether name is one of our temporary names.
func IsTemp(name string) bool { return strings.HasPrefix(filepath.Base(name), TempPrefix) }

// tempTries bounds the search for a free name. With 64 random bits a second
// try is already unlikely.
const tempTries = 100

// withTemp calls try with fresh temporary names in dir until one is free.
func withTemp(dir string, try func(path string) error) (string, error) {
	var err error
	for range tempTries {
		path := filepath.Join(dir, fmt.Sprintf("%s%016x", TempPrefix, rand.Uint64()))
		if err = try(path); err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return "", err
}

// createTemp opens a new temporary file in dir with exactly the mode perm.
func createTemp(dir string, perm fs.FileMode) (*os.File, error) {
	var f *os.File
	_, err := withTemp(dir, func(path string) (err error) {
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(perm.Perm()); err != nil {
		return nil, discard(f, err)
	}
	return f, nil
}

// writeTemp makes a temporary file in dir that holds data and is fsynced.
func writeTemp(dir string, data []byte, perm fs.FileMode) (string, error) {
	f, err := createTemp(dir, perm)
	if err != nil {
		return "", err
	}
	if _, err := f.Write(data); err != nil {
		return "", discard(f, err)
	}
	return finish(f)
}

// finish fsyncs and closes a temporary file, and removes it if either fails.
func finish(f *os.File) (string, error) {
	if err := syncFile(f); err != nil {
		return "", discard(f, err)
	}
	if err := f.Close(); err != nil {
		return "", errors.Join(err, removeTemp(f.Name()))
	}
	return f.Name(), nil
}

// discard closes and removes a temporary file because of err.
func discard(f *os.File, err error) error {
	return errors.Join(err, f.Close(), removeTemp(f.Name()))
}

// removeTemp removes a temporary file, which may be gone already.
func removeTemp(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
