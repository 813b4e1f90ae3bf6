// Package durable replaces files, directories and symlinks so that a crash or
// a power cut leaves the old or the new one. It is the only place that fsyncs,
// renames or links.
//
// Invariants. What a function was asked to make durable is durable when it
// returns nil. A failed fsync is never retried: the kernel has marked the
// pages clean, so trying again would succeed without having written; the
// caller discards. Temporary names start with ".tmp." and stay below 143
// bytes. No function replaces a name unless its own name says so.
//
// Concurrency: safe between goroutines and processes; who replaces the same
// name at once needs a mutex of its own.
package durable

import "io/fs"

// WriteFile replaces the file at path with data: temporary file, fsync,
// rename, fsync of the directory.
func WriteFile(path string, data []byte, perm fs.FileMode) error { panic("signature") }

// CreateFile is WriteFile for a name that must not exist yet; otherwise the
// error is fs.ErrExist and nothing changes.
func CreateFile(path string, data []byte, perm fs.FileMode) error { panic("signature") }

// AppendLine appends line and a newline to the file at path with one write,
// and fsyncs it. A torn last line, left by a power cut, is ended first.
func AppendLine(path string, line []byte, perm fs.FileMode) error { panic("signature") }

// MkdirAll makes path and its missing parents, each fsynced into its parent.
func MkdirAll(path string, perm fs.FileMode) error { panic("signature") }

// Symlink makes a symlink; fs.ErrExist where the name is taken. Not durable
// until its directory is synced.
func Symlink(target, path string) error { panic("signature") }

// ReplaceSymlink makes path a symlink to target by one rename over whatever
// symlink was there. It is not durable before SyncDir of its directory.
func ReplaceSymlink(target, path string) error { panic("signature") }

// RenameNoReplace renames a file or directory; fs.ErrExist where the new name
// is taken. Not durable before SyncDir of both directories.
func RenameNoReplace(from, to string) error { panic("signature") }

// Replace renames a file over another. Not durable before SyncDir.
func Replace(from, to string) error { panic("signature") }

// Exchange swaps two names atomically. Not durable before SyncDir of both.
func Exchange(a, b string) error { panic("signature") }

// SyncDir fsyncs a directory.
func SyncDir(path string) error { panic("signature") }

// SyncFile fsyncs a file on a descriptor of its own.
func SyncFile(path string) error { panic("signature") }

// Link gives the file at from a second name. fs.ErrExist where the name is
// taken: never a copy over an existing name, which could be the file itself.
// Where the file system refuses (EMLINK, EXDEV, EPERM, EACCES, EOPNOTSUPP) it
// falls back to a reflink, then to a copy with the same mode, made under a
// temporary name. copied says that new bytes were written.
func Link(from, to string) (copied bool, err error) { panic("signature") }

// FS is a file system held open, so that a write error on anything written
// after OpenFS is told to Sync.
type FS struct{ _ int }

// OpenFS opens the file system that holds dir. Open it before the first byte
// is written: Linux tells write errors only to descriptors older than them.
func OpenFS(dir string) (*FS, error) { panic("signature") }

// Sync writes out everything (syncfs). Where there is no syncfs it fsyncs
// every file and directory below the paths given.
func (f *FS) Sync(below ...string) error { panic("signature") }

// Close closes the descriptor.
func (f *FS) Close() error { panic("signature") }
