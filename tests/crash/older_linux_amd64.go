package crash

import "golang.org/x/sys/unix"

// older are calls that amd64 has besides their successors, which take a
// directory.
func older() map[uint64]string {
	return map[uint64]string{
		unix.SYS_OPEN: "open", unix.SYS_CREAT: "creat", unix.SYS_MKDIR: "mkdir", unix.SYS_RMDIR: "rmdir",
		unix.SYS_RENAME: "rename", unix.SYS_LINK: "link", unix.SYS_UNLINK: "unlink", unix.SYS_SYMLINK: "symlink",
		unix.SYS_CHMOD: "chmod",
	}
}
