//go:build linux

package faults

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ipp/tests/homes"
	"ipp/tests/support"
	"ipp/tests/whole"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// lacks is what a file system can't do.
type lacks struct {
	hardLinks, symlinks, renameFlags bool
	nameMax                          int
	fragments                        uint64 // that are left; 0: as many as there are
}

// poor is a node of a file system that passes everything to a directory, but
// for what it lacks. As any of FUSE it has no syncfs of its own.
type poor struct {
	fs.LoopbackNode
	lacks
}

// WrapChild makes what lies below as poor.
func (n *poor) WrapChild(context.Context, fs.InodeEmbedder) fs.InodeEmbedder {
	return &poor{fs.LoopbackNode{RootData: n.RootData}, n.lacks}
}

func (n *poor) tooLong(name string) bool { return n.nameMax > 0 && len(name) > n.nameMax }

func (n *poor) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	switch {
	case n.hardLinks:
		return nil, syscall.EPERM
	case n.tooLong(name):
		return nil, syscall.ENAMETOOLONG
	}
	return n.LoopbackNode.Link(ctx, target, name, out)
}

func (n *poor) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	switch {
	case n.symlinks:
		return nil, syscall.EPERM
	case n.tooLong(name):
		return nil, syscall.ENAMETOOLONG
	}
	return n.LoopbackNode.Symlink(ctx, target, name, out)
}

func (n *poor) Rename(ctx context.Context, name string, to fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	switch {
	case n.renameFlags && flags != 0:
		return syscall.EINVAL
	case n.tooLong(newName):
		return syscall.ENAMETOOLONG
	}
	return n.LoopbackNode.Rename(ctx, name, to, newName, flags)
}

func (n *poor) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if n.tooLong(name) {
		return nil, syscall.ENAMETOOLONG
	}
	return n.LoopbackNode.Mkdir(ctx, name, mode, out)
}

func (n *poor) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if n.tooLong(name) {
		return nil, nil, 0, syscall.ENAMETOOLONG
	}
	return n.LoopbackNode.Create(ctx, name, flags, mode, out)
}

// Statfs tells what is left in fragments of 4 KiB, and that 1 MiB at a time is
// the quickest.
func (n *poor) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	if n.fragments == 0 {
		return n.LoopbackNode.Statfs(ctx, out)
	}
	*out = fuse.StatfsOut{Blocks: n.fragments, Bfree: n.fragments, Bavail: n.fragments, Bsize: 1 << 20, Frsize: 4 << 10, NameLen: 255}
	return 0
}

// mount mounts such a file system over a fresh directory.
func mount(t *testing.T, w *homes.World, name string, l lacks) (dir string) {
	t.Helper()
	below := filepath.Join(w.Dir, "below-"+name)
	dir = filepath.Join(w.Dir, "on-"+name)
	for _, d := range []string{below, dir} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	root := &fs.LoopbackRoot{Path: below}
	top := &poor{fs.LoopbackNode{RootData: root}, l}
	root.RootNode = top
	server, err := fs.Mount(dir, top, &fs.Options{MountOptions: fuse.MountOptions{FsName: "poor", Name: "poor", DirectMount: os.Getuid() == 0}})
	if err != nil {
		support.Skip(t, "needs FUSE: "+err.Error())
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// testFUSE are file systems that lack something, as they are: everything works,
// or the first install says what is missing before it writes.
func testFUSE(t *testing.T, w *homes.World) {
	w.Reset(t, "two")
	for name, tt := range map[string]struct {
		lacks
		said string
	}{
		"rich":        {lacks{}, ""},
		"nohardlinks": {lacks{hardLinks: true}, "has no hard links: what is installed takes its space twice there"},
		"fat":         {lacks{hardLinks: true, renameFlags: true}, "has no hard links"},
		"noflags":     {lacks{renameFlags: true}, ""},
		"ecryptfs":    {lacks{nameMax: 143}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			home := "HOME=" + mount(t, w, name, tt.lacks)
			said := ""
			for _, line := range []string{
				`$IPP install v1.car`, `$IPP install v2.car`, `$IPP install ./v3`, `$IPP rollback`, `$IPP pack v1`,
				`$IPP export prog -o $HOME/x.car && cmp $HOME/x.car v2.car`, `$IPP gc --keep 1`, `$IPP verify prog`,
				`test $($HOME/.local/state/ipp/profiles/default/current/bin/prog) = 2.0.0`, `$IPP install v1.car`, `$IPP gc`,
			} {
				out, code := shell(w, line, home)
				if code != 0 {
					t.Fatalf("%s: exit %d\n%s", line, code, out)
				}
				said += out
			}
			if n := strings.Count(said, "no hard links"); !strings.Contains(said, tt.said) || tt.said != "" && n != 1 || tt.said == "" && n != 0 {
				t.Errorf("it says %d times that there are no hard links\n%s", n, said)
			}
			for _, bad := range whole.Rest(filepath.Join(home[len("HOME="):], ".local", "state", "ipp")) {
				t.Error(bad)
			}
		})
	}
	t.Run("nosymlinks", func(t *testing.T) {
		home := mount(t, w, "nosymlinks", lacks{symlinks: true})
		for _, line := range []string{`$IPP install v1.car`, `$IPP pack v1`, `$IPP import v1.car`} {
			out, code := shell(w, line, "HOME="+home)
			if code != 1 || !strings.HasPrefix(out, "ipp: make profiles: symlink ") || !strings.Contains(out, "\nhint: a profile is made of symlinks") {
				t.Errorf("%s: exit %d\n%s", line, code, out)
			}
		}
		if left := listing(home); left != home+"\n" {
			t.Errorf("it wrote %s", left)
		}
	})
	t.Run("small", func(t *testing.T) { // 400 KiB, of which the reserve is 256
		home := mount(t, w, "small", lacks{fragments: 100})
		out, code := shell(w, `$IPP install v1.car`, "HOME="+home)
		if code != 1 || !strings.Contains(out, " has 147 kB left\n") {
			t.Errorf("exit %d\n%s", code, out)
		}
		if left := listing(home); left != home+"\n" {
			t.Errorf("it wrote %s", left)
		}
	})
}
