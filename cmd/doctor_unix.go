//go:build unix

package cmd

import (
	"os"
	"syscall"
)

// ownerOf is the user who owns a file, without following a link.
func ownerOf(path string) (uid int, ok bool) {
	fi, err := os.Lstat(path)
	if err != nil {
		return 0, false
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}
