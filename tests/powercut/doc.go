// Package powercut cuts the power in the middle of ipp's work, at every write.
//
// A file that this process serves over FUSE is a disk; a loop device on it has
// a real file system (ext4, xfs, btrfs), and ipp works there. The disk notes
// each write and each flush, and which of ipp's commands had reported success
// by then. A power cut is then any state that such a disk may be left in: all
// that was written before the last flush, and any part of what came after it,
// sector by sector: 512 bytes, or what the file system itself must have whole to be
// mounted. The kernel mounts that state as it would after a reboot,
// and what it shows must be the generation from before or from after, whole;
// what was acknowledged must be there; and ipp must go on without a repair.
//
// A mutant keeps the test honest: the same work with fsync, fdatasync and
// syncfs taken away (they return success and do nothing) must lose something.
//
// It runs on Linux, as root, with FUSE and loop devices.
package powercut
