package powercut

import (
	"context"
	"math/rand/v2"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

const pageSize = 4096

// event is what happened to a disk: a write, a flush, or a remark of ours.
type event struct {
	offset int64
	data   []byte // nil: a flush, or a remark
	mark   string
}

// pages are the contents of a disk; what is not there is zero.
type pages map[int64]*[pageSize]byte

// disk is a disk in memory. Its writes go to own and leave base alone, so that
// many disks may share a base.
type disk struct {
	size int64

	mu   sync.Mutex
	base pages
	own  pages
	note bool // events are kept
	log  []event
}

func newDisk(size int64, base pages) *disk { return &disk{size: size, base: base, own: pages{}} }

// read fills p from offset.
func (d *disk) read(p []byte, offset int64) {
	for len(p) > 0 {
		at := offset % pageSize
		n := min(int64(len(p)), pageSize-at)
		if page := d.page(offset / pageSize); page != nil {
			copy(p[:n], page[at:])
		} else {
			clear(p[:n])
		}
		p, offset = p[n:], offset+n
	}
}

func (d *disk) page(n int64) *[pageSize]byte {
	if p := d.own[n]; p != nil {
		return p
	}
	return d.base[n]
}

// write puts p at offset.
func (d *disk) write(p []byte, offset int64) {
	for len(p) > 0 {
		at := offset % pageSize
		n := min(int64(len(p)), pageSize-at)
		page := d.own[offset/pageSize]
		if page == nil {
			page = new([pageSize]byte)
			if old := d.base[offset/pageSize]; old != nil {
				*page = *old
			}
			d.own[offset/pageSize] = page
		}
		copy(page[at:], p[:n])
		p, offset = p[n:], offset+n
	}
}

// mark notes that something is so from here on.
func (d *disk) mark(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log = append(d.log, event{mark: what})
}

// begin notes events from now on; what the disk holds now is the base of all.
func (d *disk) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := pages{}
	for n, p := range d.base {
		all[n] = p
	}
	for n, p := range d.own {
		all[n] = p
	}
	d.base, d.own, d.note = all, pages{}, true
}

// some writes a random part of e: each of its sectors, which a disk writes whole
// or not at all, or all, or none of them.
func (d *disk) some(e event, sector int, r *rand.Rand) {
	switch r.IntN(4) {
	case 0:
	case 1:
		for i := 0; i < len(e.data); i += sector {
			if r.IntN(2) == 0 {
				d.write(e.data[i:min(i+sector, len(e.data))], e.offset+int64(i))
			}
		}
	default:
		d.write(e.data, e.offset)
	}
}

// diskFile serves a disk as the one file of a FUSE file system.
type diskFile struct {
	fs.Inode
	disk *disk
}

const diskName = "disk"

// attach serves d below dir, and returns the file's path.
func attach(d *disk, dir string) (string, *fuse.Server, error) {
	root := &fs.Inode{}
	server, err := fs.Mount(dir, root, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, MaxWrite: 1 << 20, FsName: "powercut", Name: "powercut"},
		OnAdd: func(ctx context.Context) {
			file := root.NewPersistentInode(ctx, &diskFile{disk: d}, fs.StableAttr{Mode: syscall.S_IFREG})
			root.AddChild(diskName, file, true)
		},
	})
	return dir + "/" + diskName, server, err
}

var (
	_ fs.NodeOpener    = (*diskFile)(nil)
	_ fs.NodeGetattrer = (*diskFile)(nil)
	_ fs.NodeReader    = (*diskFile)(nil)
	_ fs.NodeWriter    = (*diskFile)(nil)
	_ fs.NodeFsyncer   = (*diskFile)(nil)
)

// Open makes every read and write come here: the kernel keeps nothing back.
func (f *diskFile) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

func (f *diskFile) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = 0o600, uint64(f.disk.size)
	return 0
}

func (f *diskFile) Read(_ context.Context, _ fs.FileHandle, p []byte, offset int64) (fuse.ReadResult, syscall.Errno) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	p = p[:max(0, min(int64(len(p)), f.disk.size-offset))]
	f.disk.read(p, offset)
	return fuse.ReadResultData(p), 0
}

func (f *diskFile) Write(_ context.Context, _ fs.FileHandle, p []byte, offset int64) (uint32, syscall.Errno) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.write(p, offset)
	if f.disk.note {
		f.disk.log = append(f.disk.log, event{offset: offset, data: append([]byte{}, p...)})
	}
	return uint32(len(p)), 0
}

// Fsync is the disk's flush: the loop device makes one of the other.
func (f *diskFile) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.note {
		f.disk.log = append(f.disk.log, event{})
	}
	return 0
}
