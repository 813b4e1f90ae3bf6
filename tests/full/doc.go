// Package full fills disks: to the last byte, to the last inode, to the end of a
// quota. What needs no room finishes there, and what needs some says how much
// before it writes.
//
// The disks are a tmpfs and an ext4 in a file. Where this user may not mount, the
// tests run again in a user namespace, where a tmpfs can be had.
package full
