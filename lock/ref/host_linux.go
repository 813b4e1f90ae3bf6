package ref

import "golang.org/x/sys/unix"

// machine is what uname -m says, or "".
func machine() string {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return ""
	}
	return unix.ByteSliceToString(uts.Machine[:])
}
