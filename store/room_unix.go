//go:build linux || darwin

package store

import (
	"errors"
	"math"

	"golang.org/x/sys/unix"
)

// room asks the file system, and the quota.
func room(dir string) (bytes, files int64, err error) {
	var st unix.Statfs_t
	for {
		if err = unix.Statfs(dir, &st); err != unix.EINTR {
			break
		}
	}
	if err == nil && st.Blocks == 0 { // what has no size can't say what is left
		err = errors.ErrUnsupported
	}
	if err != nil {
		return 0, 0, err
	}
	bytes, files = int64(st.Bavail)*blockSize(&st), int64(st.Ffree)
	if st.Files == 0 {
		files = math.MaxInt64
	}
	if b, f, ok := quota(dir); ok {
		bytes, files = min(bytes, b), min(files, f)
	}
	return max(0, bytes), max(0, files), nil
}

func isFullHere(error) bool { return false }

// SameDisk says whether two directories lie on one file system.
func SameDisk(a, b string) bool {
	var sa, sb unix.Stat_t
	return unix.Stat(a, &sa) == nil && unix.Stat(b, &sb) == nil && sa.Dev == sb.Dev
}
