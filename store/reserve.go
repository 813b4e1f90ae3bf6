package store

import (
	crand "crypto/rand"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"ipp/store/durable"
)

// reserveName is what gives its room to gc, rollback and the like
// when the disk is full.
const reserveName = "reserve"

// ReserveSize is how many bytes the reserve keeps back. What a collection and a
// rollback write is little: a lease, the texts of mutexes, one symlink, a line
// of the log, an entry or two in directories; on tmpfs, ext4, xfs and btrfs, full
// to the last byte, all commands of tests/full finished with a reserve of 8 KiB.
// But xfs makes no file with less than about 0.3 MB left where that
// takes a new chunk of inodes, and btrfs copies each block of a tree that it
// changes. (btrfs with mixed block groups, made for disks of a few MB, would
// take 4 MiB, and is not provided for.)
const ReserveSize = 256 << 10

// reserveParts is in how many files the bytes are: a disk may have run out of
// inodes too, and a lease, a symlink and a mutex take one each.
const reserveParts = 4

// Reserve is one disk's reserve: a directory with files that nobody reads. It is
// made again whenever there is room, so that it survives nothing, least of all a
// power cut, does not matter.
type Reserve struct{ dir string }

// Reserve is that of the store's disk.
func (s *Store) Reserve() Reserve { return ReserveIn(s.dir) }

// ReserveIn is that in dir: a store, or the state directory where that lies on
// a disk of its own.
func ReserveIn(dir string) Reserve { return Reserve{filepath.Join(dir, reserveName)} }

func (r Reserve) part(i int) string { return filepath.Join(r.dir, strconv.Itoa(i)) }

// IsFull says whether err is that of a full disk, or of a quota that is used up.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || isFullHere(err)
}

// Missing is how many bytes are not kept back.
func (r Reserve) Missing() int64 {
	missing := int64(ReserveSize)
	for i := range reserveParts {
		if fi, err := os.Lstat(r.part(i)); err == nil && fi.Mode().IsRegular() {
			missing -= min(fi.Size(), ReserveSize/reserveParts)
		}
	}
	return missing
}

// Free gives the reserve's room back, and says whether there was any. On btrfs
// what was freed is not to be had before it is synced.
func (r Reserve) Free() bool {
	freed := false
	for i := range reserveParts {
		freed = os.Remove(r.part(i)) == nil || freed
	}
	if !freed {
		return false
	}
	if disk, err := durable.OpenFS(filepath.Dir(r.dir)); err == nil {
		_ = errors.Join(disk.Sync(), disk.Close()) // if it fails, so will what follows, and be told
	}
	return true
}

// Fill makes the reserve, or what is missing of it. Where there is no room for
// all of it, it keeps what it got: a little is more than nothing. Bytes are
// written, and none like another, because some file systems take a hole, zeros
// or a promise to allocate for nothing.
func (r Reserve) Fill() error {
	if r.Missing() == 0 {
		return nil
	}
	if err := unless(r.dir, fs.FileMode.IsDir); err != nil {
		return err
	}
	if err := os.Mkdir(r.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	var seed [32]byte
	crand.Read(seed[:]) // never fails
	random := rand.NewChaCha8(seed)
	for i := range reserveParts {
		if err := fillPart(r.part(i), random); err != nil {
			return err
		}
	}
	return nil
}

// unless removes what has the name of something of ours and is none: who opens a
// FIFO waits, and what a symlink leads to is somebody else's.
func unless(path string, ours func(fs.FileMode) bool) error {
	if fi, err := os.Lstat(path); err == nil && !ours(fi.Mode()) {
		return os.Remove(path)
	}
	return nil
}

func fillPart(path string, random *rand.ChaCha8) (err error) {
	if err := unless(path, fs.FileMode.IsRegular); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	buf := make([]byte, 16<<10)
	for at := fi.Size(); at < ReserveSize/reserveParts; at += int64(len(buf)) {
		random.Read(buf) // never fails
		if _, err := f.WriteAt(buf[:min(int64(len(buf)), ReserveSize/reserveParts-at)], at); err != nil {
			return err
		}
	}
	return nil
}

// low says that the disk has less left than the reserve has.
func (r Reserve) low() bool {
	bytes, files, ok := Room(filepath.Dir(r.dir))
	return ok && (bytes < ReserveSize || files < reserveParts)
}

// Spend runs f with the room of the reserve where it takes that: freed at once
// where the disk has less left than the reserve has, or when f fails because
// the disk is full or a quota is used up; then f runs again. What f leaves of
// the room is kept back again. A failed fsync is an end: after it a second one
// may succeed though nothing was written.
func (r Reserve) Spend(f func() error) error {
	spent := r.low() && r.Free()
	err := f()
	if IsFull(err) && !durable.SyncFailed(err) && !spent && r.Free() {
		spent = true
		err = f()
	}
	if spent {
		_ = r.Fill() // as far as there is room: f's outcome is what counts
	}
	return err
}

// Room is how many bytes and files the disk of dir, and this user's quota on
// it, have left; false where it can't be told. A disk that does not count files
// has room for any number of them.
func Room(dir string) (bytes, files int64, ok bool) {
	for {
		bytes, files, err := room(dir)
		if err == nil {
			return bytes, files, true
		}
		parent := filepath.Dir(dir) // what is not there yet will be made there
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			return 0, 0, false
		}
		dir = parent
	}
}
