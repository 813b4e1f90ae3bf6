package store

import (
	"errors"
	"math"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// room asks the volume; what it says counts this user's quota. Nothing counts
// files.
func room(dir string) (bytes, files int64, err error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, 0, err
	}
	return int64(min(free, math.MaxInt64)), math.MaxInt64, nil
}

func isFullHere(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

// SameDisk says whether two directories lie on one file system; here those of
// one volume name.
func SameDisk(a, b string) bool { return filepath.VolumeName(a) == filepath.VolumeName(b) }
