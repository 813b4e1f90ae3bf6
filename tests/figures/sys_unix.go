//go:build unix

package main

import (
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// maxRSS is the most memory that a process had, in bytes.
func maxRSS(p *os.ProcessState) (int64, bool) {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, false
	}
	if runtime.GOOS == "darwin" { // which counts bytes, others KiB
		return int64(usage.Maxrss), true
	}
	return int64(usage.Maxrss) << 10, true
}

// allocated is what a file takes on disk, and which one it is: one with several
// names is there once.
func allocated(info fs.FileInfo) (bytes int64, id [2]uint64, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, id, false
	}
	return int64(st.Blocks) * 512, [2]uint64{uint64(st.Dev), uint64(st.Ino)}, true
}
