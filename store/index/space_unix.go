//go:build linux || darwin

package index

import "golang.org/x/sys/unix"

// freeBytes is what the file system of dir has left for this user; false where
// it can't be told.
func freeBytes(dir string) (int64, bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Blocks == 0 {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}
