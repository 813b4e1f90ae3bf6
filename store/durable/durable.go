// Package durable replaces files, directories and symlinks so that a crash or
// a power cut leaves the old or the new one. It is the only place that fsyncs,
// renames or links.
//
// Invariants. What a function was asked to make durable is durable when it
// returns nil. A failed fsync is never retried: the kernel has marked the
// pages clean, so trying again would succeed without having written; the
// caller discards. Temporary names start with ".tmp." and stay below 143
// bytes. No function replaces a name unless its own name says so. Modes are
// those asked for, whatever the umask. An error before the last rename leaves
// everything as it was, and no temporary file; a killed process may leave one.
//
// Errors are *fs.PathError and *os.LinkError (and *ForeignError, of what can't
// be a file of ours), so errors.Is finds fs.ErrExist,
// syscall.ENOSPC and the like in them.
//
// Concurrency: safe between goroutines and processes; who replaces the same
// name at once needs a mutex of its own.
package durable

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// WriteFile replaces the file at path with data: temporary file, fsync,
// rename, fsync of the directory. A symlink at path is replaced, not followed.
// When only the last fsync fails, the new file is in place but may not survive
// a power cut.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	tmp, err := writeTemp(filepath.Dir(path), data, perm)
	if err != nil {
		return err
	}
	if err := replace(tmp, path); err != nil {
		return errors.Join(err, removeTemp(tmp))
	}
	return SyncDir(filepath.Dir(path))
}

// CreateFile is WriteFile for a name that must not exist yet; otherwise the
// error is fs.ErrExist and nothing changes.
func CreateFile(path string, data []byte, perm fs.FileMode) error {
	if err := mustBeFree("create", path); err != nil {
		return err
	}
	tmp, err := writeTemp(filepath.Dir(path), data, perm)
	if err != nil {
		return err
	}
	if err := RenameNoReplace(tmp, path); err != nil {
		return errors.Join(err, removeTemp(tmp))
	}
	return SyncDir(filepath.Dir(path))
}

// mustBeFree saves the work that a taken name would make useless. It is no
// guard: the rename or link that follows is.
func mustBeFree(op, path string) error {
	_, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return &fs.PathError{Op: op, Path: path, Err: fs.ErrExist}
}

// AppendLine appends line and a newline to the file at path with one write,
// and fsyncs it. A torn last line, left by a power cut, is ended first. The
// file is made if it is missing. A symlink at path is not followed, and nothing but
// a regular file is written to.
func AppendLine(path string, line []byte, perm fs.FileMode) (err error) {
	if bytes.IndexByte(line, '\n') >= 0 {
		return &fs.PathError{Op: "append line", Path: path, Err: errNewline}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err := nextLine(f, path, line, perm)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return syncFile(f)
}

var errNewline = errors.New("line contains a newline")

// nextLine returns what to append to f. An empty file is new, or was left by a
// process that died here: its mode and its name become durable before its
// first line, so a file with lines always has both.
func nextLine(f *os.File, path string, line []byte, perm fs.FileMode) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &ForeignError{path, notRegular}
	}
	data := append(bytes.Clone(line), '\n')
	if info.Size() == 0 {
		if err := f.Chmod(perm.Perm()); err != nil {
			return nil, err
		}
		return data, SyncDir(filepath.Dir(path))
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err != nil && err != io.EOF {
		return nil, err
	}
	if last[0] != '\n' {
		data = append([]byte{'\n'}, data...)
	}
	return data, nil
}

// MkdirAll makes path and its missing parents, each fsynced into its parent.
// Only directories that it makes get perm.
//
// The deepest directory that was there is fsynced into its parent too: a
// process that died between mkdir and fsync may have left it.
func MkdirAll(path string, perm fs.FileMode) error {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return syncFound(path)
	}
	if err == nil {
		return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	path = filepath.Clean(path)
	parent := filepath.Dir(path)
	if parent == path {
		return err // a root or volume that does not exist
	}
	if err := MkdirAll(parent, perm); err != nil {
		return err
	}
	if err := os.Mkdir(path, perm.Perm()); err != nil {
		return afterLostRace(path, err)
	}
	if err := os.Chmod(path, perm.Perm()); err != nil {
		return err
	}
	return SyncDir(parent)
}

// afterLostRace turns a failed mkdir into success where somebody else made the
// directory in the meantime.
func afterLostRace(path string, mkdirErr error) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return syncFound(path)
	}
	return mkdirErr
}

// syncFound fsyncs the parent of a directory that was found. A parent that we
// may not open holds nothing that we made, so it is left alone.
func syncFound(path string) error {
	err := SyncDir(filepath.Dir(filepath.Clean(path)))
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return nil
	}
	return err
}
