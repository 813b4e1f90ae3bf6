package trace

import "golang.org/x/sys/unix"

// older are calls that amd64 has besides their successors, which take a
// directory, or under a name of its own.
func older() map[uint64]string {
	return map[uint64]string{
		unix.SYS_OPEN: "open", unix.SYS_CREAT: "creat", unix.SYS_MKDIR: "mkdir", unix.SYS_RMDIR: "rmdir",
		unix.SYS_RENAME: "rename", unix.SYS_LINK: "link", unix.SYS_UNLINK: "unlink", unix.SYS_SYMLINK: "symlink",
		unix.SYS_CHMOD: "chmod", unix.SYS_STAT: "stat", unix.SYS_LSTAT: "lstat", unix.SYS_READLINK: "readlink",
		unix.SYS_ACCESS: "access", unix.SYS_NEWFSTATAT: "newfstatat",
	}
}
