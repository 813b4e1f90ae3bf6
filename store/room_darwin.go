package store

import "golang.org/x/sys/unix"

// blockSize is the unit of the numbers of blocks; here Bsize is that of a fragment.
func blockSize(st *unix.Statfs_t) int64 { return int64(st.Bsize) }

// quota can't be asked for by directory here.
func quota(string) (bytes, files int64, ok bool) { return 0, 0, false }
