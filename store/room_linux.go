package store

import (
	"math"
	"os"
	"runtime"
	"unsafe"

	"ipp/store/durable"

	"golang.org/x/sys/unix"
)

// blockSize is the unit of the numbers of blocks: the fragment, which an old or a
// careless file system leaves out. Bsize is what it likes to be asked for at once.
func blockSize(st *unix.Statfs_t) int64 {
	if st.Frsize > 0 {
		return int64(st.Frsize)
	}
	return int64(st.Bsize)
}

// dqblk is struct if_dqblk of linux/quota.h.
type dqblk struct {
	blocksHard, blocksSoft, bytes uint64 // limits in KiB
	filesHard, filesSoft, files   uint64
	blocksUntil, filesUntil       uint64
	valid                         uint32
	_                             uint32
}

// quota is what this user's quota and this group's have left on the disk of
// dir; false where there is none, or it can't be told (before Linux 5.14).
func quota(dir string) (bytes, files int64, ok bool) {
	f, err := durable.OpenDir(dir)
	if err != nil {
		return 0, 0, false
	}
	defer f.Close() // only asked
	bytes, files = math.MaxInt64, math.MaxInt64
	for kind, id := range []int{os.Geteuid(), os.Getegid()} { // USRQUOTA, GRPQUOTA
		var q dqblk
		const getQuota = 0x800007 // Q_GETQUOTA
		_, _, errno := unix.Syscall6(unix.SYS_QUOTACTL_FD, f.Fd(), uintptr(getQuota<<8|kind), uintptr(id), uintptr(unsafe.Pointer(&q)), 0, 0)
		runtime.KeepAlive(f)
		if errno != 0 {
			continue
		}
		if q.blocksHard > 0 {
			bytes, ok = min(bytes, int64(q.blocksHard)<<10-int64(q.bytes)), true
		}
		if q.filesHard > 0 {
			files, ok = min(files, int64(q.filesHard)-int64(q.files)), true
		}
	}
	return bytes, files, ok
}
