package store

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"ipp/store/dag"
)

// Planned is a tree that is to come: its plan, and where its blocks are.
type Planned struct {
	Plan   *Plan
	Source dag.Blocks
}

// Upcoming is the directory of trees as it will be: trees is what is there (nil
// where there is no store yet), and each planned tree that is not there, or is
// damaged, is read from its source. Nothing is kept: a directory that is looked
// at is read then. It has ReadDir, Stat, Lstat, ReadLink, and files can be
// read; it is safe for concurrent use. ctx ends all reading.
func Upcoming(ctx context.Context, trees fs.FS, planned ...Planned) fs.FS {
	u := &upcoming{ctx: ctx, trees: trees, planned: map[string]Planned{}}
	for _, p := range planned {
		if !p.Plan.Present || p.Plan.Damaged {
			u.planned[p.Plan.Key.String()] = p
		}
	}
	return u
}

type upcoming struct {
	ctx     context.Context
	trees   fs.FS
	planned map[string]Planned
}

// TreesFS is the directory of trees, to read.
func (s *Store) TreesFS() fs.FS { return os.DirFS(s.path("trees")) }

// at splits a name into a planned tree and the path in it.
func (u *upcoming) at(op, name string) (p Planned, below string, ok bool, err error) {
	if !fs.ValidPath(name) {
		return p, "", false, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	tree, below, _ := strings.Cut(name, "/")
	p, ok = u.planned[tree]
	if !ok && u.trees == nil {
		err = &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return p, below, ok, err
}

func (u *upcoming) resolve(op, name, below string, p Planned) (*dag.Entry, error) {
	first, _, _ := strings.Cut(below, "/")
	if below != "" && p.Plan.omits(first) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	e, err := dag.Resolve(u.ctx, p.Source, p.Plan.Root, below)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return e, nil
}

// ReadDir implements fs.ReadDirFS. Symlinks above the directory are not followed.
func (u *upcoming) ReadDir(name string) ([]fs.DirEntry, error) {
	p, below, ok, err := u.at("readdir", name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return fs.ReadDir(u.trees, name)
	}
	entries, err := dag.ReadDir(u.ctx, p.Source, p.Plan.Root, below, p.Plan.walk(nil))
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	list := make([]fs.DirEntry, len(entries))
	for i := range entries {
		list[i] = fs.FileInfoToDirEntry(p.info(&entries[i]))
	}
	return list, nil
}

// Lstat implements fs.ReadLinkFS.
func (u *upcoming) Lstat(name string) (fs.FileInfo, error) {
	p, below, ok, err := u.at("lstat", name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return fs.Lstat(u.trees, name)
	}
	e, err := u.resolve("lstat", name, below, p)
	if err != nil {
		return nil, err
	}
	return p.info(e), nil
}

// ReadLink implements fs.ReadLinkFS.
func (u *upcoming) ReadLink(name string) (string, error) {
	p, below, ok, err := u.at("readlink", name)
	if err != nil {
		return "", err
	}
	if !ok {
		return fs.ReadLink(u.trees, name)
	}
	e, err := u.resolve("readlink", name, below, p)
	if err == nil && e.Kind != dag.Symlink {
		err = &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return "", err
	}
	return e.Target, nil
}

// Stat implements fs.StatFS; it follows symlinks, which never leave their tree.
func (u *upcoming) Stat(name string) (fs.FileInfo, error) {
	p, below, ok, err := u.at("stat", name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return fs.Stat(u.trees, name)
	}
	e, err := u.follow("stat", name, below, p)
	if err != nil {
		return nil, err
	}
	return p.info(e), nil
}

// follow finds what a path leads to. Targets were checked: ".." stands in front
// of names only, and never leaves the tree.
func (u *upcoming) follow(op, name, below string, p Planned) (*dag.Entry, error) {
	const most = 40 // symlinks, as Linux has it
	here, links := "", 0
	e, err := u.resolve(op, name, "", p)
	for rest := strings.Split(below, "/"); err == nil && len(rest) > 0; {
		step := rest[0]
		rest = rest[1:]
		if step == "" || step == "." {
			continue
		}
		next := path.Join(here, step)
		if step == ".." {
			next = path.Dir("/" + here)[1:]
		}
		if e, err = u.resolve(op, name, next, p); err != nil {
			return nil, err
		}
		if e.Kind != dag.Symlink {
			here = next
			continue
		}
		if links++; links > most {
			return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		rest = append(strings.Split(e.Target, "/"), rest...)
		if e, err = u.resolve(op, name, here, p); err != nil {
			return nil, err
		}
	}
	return e, err
}

// Open implements fs.FS. Of what is planned only files can be read.
func (u *upcoming) Open(name string) (fs.File, error) {
	p, below, ok, err := u.at("open", name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return u.trees.Open(name)
	}
	e, err := u.follow("open", name, below, p)
	if err != nil {
		return nil, err
	}
	return &upcomingFile{ctx: u.ctx, planned: p, entry: e}, nil
}

// upcomingFile reads a file from its source, leaf after leaf.
type upcomingFile struct {
	ctx     context.Context
	planned Planned
	entry   *dag.Entry
	next    int    // of its leaves
	data    []byte // of the one before, not read yet
}

func (f *upcomingFile) Stat() (fs.FileInfo, error) { return f.planned.info(f.entry), nil }
func (f *upcomingFile) Close() error               { return nil }

func (f *upcomingFile) Read(b []byte) (n int, err error) {
	if f.entry.Kind != dag.File {
		return 0, &fs.PathError{Op: "read", Path: f.entry.Path, Err: fs.ErrInvalid}
	}
	for len(f.data) == 0 {
		if f.next == len(f.entry.Leaves) {
			return 0, io.EOF
		}
		f.data, err = dag.ReadLeaf(f.ctx, f.planned.Source, f.entry.Leaves[f.next])
		if err != nil {
			return 0, fmt.Errorf("%s: %w", f.entry.Path, err)
		}
		f.next++
	}
	n = copy(b, f.data)
	f.data = f.data[n:]
	return n, nil
}

// info is what an entry of the part will be in its tree.
func (p Planned) info(e *dag.Entry) fs.FileInfo {
	i := upcomingInfo{name: path.Base(e.Path), size: e.Size}
	if e.Path == "" {
		i.name = p.Plan.Key.String()
	}
	switch e.Kind {
	case dag.Dir:
		i.mode = fs.ModeDir | 0o755
	case dag.Symlink:
		i.mode = fs.ModeSymlink | 0o777
	default:
		i.mode = objectMode(p.Plan.exec(e))
	}
	return i
}

type upcomingInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func (i upcomingInfo) Name() string       { return i.name }
func (i upcomingInfo) Size() int64        { return i.size }
func (i upcomingInfo) Mode() fs.FileMode  { return i.mode }
func (i upcomingInfo) ModTime() time.Time { return time.Time{} }
func (i upcomingInfo) IsDir() bool        { return i.mode.IsDir() }
func (i upcomingInfo) Sys() any           { return nil }
