package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"ipp/store/dag"

	"github.com/hashicorp/go-multierror"
	"golang.org/x/sync/errgroup"
)

// Fault is something wrong with a tree.
type Fault struct {
	Key  Key
	Path string // in the tree, slash-separated; "" for the tree as a whole
	File string // the file to blame: below the store's directory, slash-separated
	Why  string
}

// UnreadError says that a file could not be looked at: a bad disk, a missing
// right, too many open files. Nothing is known of it, so it is no damage, and
// nothing may be put in its place.
type UnreadError struct {
	File string // below the store's directory, slash-separated
	Err  error
}

func (e *UnreadError) Error() string { return e.File + " can't be read: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *UnreadError) Unwrap() error { return e.Err }

// unread tells an error of looking from what was seen: that something is gone,
// or is of another kind, was seen.
func unread(err error) bool {
	var path *fs.PathError
	var call *os.SyscallError
	if !errors.As(err, &path) && !errors.As(err, &call) || isNotExist(err) {
		return false
	}
	for _, seen := range []error{syscall.ENOTDIR, syscall.ELOOP, syscall.EINVAL, syscall.EISDIR} {
		if errors.Is(err, seen) {
			return false
		}
	}
	return true
}

// Verify rehashes every file of a tree, compares the tree with its .objects,
// its objects and its DAG, and lists missing, changed and extra files. An error
// says that verifying itself failed; an *UnreadError is in it for each file that
// could not be read.
func (s *Store) Verify(ctx context.Context, k Key, report func(int64)) ([]Fault, error) {
	faults, bad, err := s.verify(ctx, k, newHashed(s, report), report)
	for _, u := range bad {
		err = multierror.Append(err, u)
	}
	if err != nil {
		return faults, fmt.Errorf("verify tree %s: %w", k, err)
	}
	return faults, nil
}

// below is path relative to dir, if it is below it.
func below(dir, path string) (string, bool) {
	if dir == "" {
		return path, path != ""
	}
	return strings.CutPrefix(path, dir+"/")
}

// VerifyFiles rehashes some files of a tree, as .objects names them: what is
// about to be used, where all of the tree would take too long. A path that
// .objects does not have is a fault too.
func (s *Store) VerifyFiles(ctx context.Context, k Key, paths ...string) ([]Fault, error) {
	var faults []Fault
	left := slices.Clone(paths)
	err := s.eachFile(k, func(f FileInfo) error {
		i := slices.Index(left, f.Path)
		if i < 0 {
			return nil
		}
		left = slices.Delete(left, i, i+1)
		why, err := s.checkFile(ctx, filepath.Join(s.TreeDir(k), filepath.FromSlash(f.Path)), f, nil)
		if why != "" {
			faults = append(faults, Fault{k, f.Path, "trees/" + k.String() + "/" + f.Path, why})
		}
		return err
	})
	for _, path := range left {
		faults = append(faults, Fault{k, path, "trees/" + k.String() + "/" + path, "extra: the package has no such name"})
	}
	return faults, err
}

// verdicts tell what is wrong with an object, "" for nothing.
type verdicts interface {
	names(k objectKey) // a tree names it
	object(ctx context.Context, k objectKey) (why string, err error)
}

// verify is Verify, over what is known of objects. The truth is the DAG: the
// root names the blocks in .car, these name the leaves, and these the contents.
// Where the DAG can't be walked, .objects has to do.
func (s *Store) verify(ctx context.Context, k Key, objects verdicts, report func(int64)) ([]Fault, []*UnreadError, error) {
	v := &verifier{store: s, key: k, objects: objects, report: report}
	var working context.Context
	v.tasks, working = errgroup.WithContext(ctx)
	v.tasks.SetLimit(s.slots)
	v.readList()
	v.walk(working)
	v.unnamed(working)
	if err := errors.Join(v.tasks.Wait(), ctx.Err()); err != nil {
		return nil, nil, err
	}
	v.blameWalk()
	slices.SortFunc(v.faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.File, b.File))
	})
	return slices.Compact(v.faults), v.bad, nil
}

// verifier looks at one tree.
type verifier struct {
	store   *Store
	key     Key
	objects verdicts
	report  func(int64)
	tasks   *errgroup.Group

	list   *fileTable // what .objects says; nil where it can't be read
	walked error      // why the walk ended early
	framed bool       // ... was a file that the walk had to read
	opened []openDir  // from the root to where the walk is

	mu     sync.Mutex
	faults []Fault
	bad    []*UnreadError
}

// openDir is a directory of the tree that the walk is in, and the names in it
// that the package has not named yet.
type openDir struct {
	path  string
	names map[string]bool
}

func (v *verifier) tree() string { return "trees/" + v.key.String() }

func (v *verifier) onDisk(path string) string {
	return filepath.Join(v.store.TreeDir(v.key), filepath.FromSlash(path))
}

// inTree blames the tree's own file at path.
func (v *verifier) inTree(path string) string {
	if path == "" {
		return v.tree()
	}
	return v.tree() + "/" + path
}

func (v *verifier) fault(path, file, format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults = append(v.faults, Fault{v.key, path, file, fmt.Sprintf(format, args...)})
}

// wrong notes what was found out about a file: why it is damaged, or that it
// could not be looked at.
func (v *verifier) wrong(path, file, why string, err error) {
	switch {
	case err != nil && unread(err):
		v.mu.Lock()
		defer v.mu.Unlock()
		v.bad = append(v.bad, &UnreadError{file, err})
	case err != nil:
		v.fault(path, file, "%s", sight(err, v.store.path(filepath.FromSlash(file))))
	case why != "":
		v.fault(path, file, "%s", why)
	}
}

// sight says what was seen of the file at path, whose name the report has anyway.
func sight(err error, path string) string {
	if isNotExist(err) {
		return "missing"
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	text := err.Error()
	for _, head := range []string{"open archive: ", fmt.Sprintf("read %q: ", path), path + ": "} {
		text = strings.TrimPrefix(text, head)
	}
	return text
}

func (v *verifier) readList() {
	list, err := v.store.fileTable(v.key)
	if err != nil {
		v.wrong("", v.tree()+".objects", "", bare(err))
		return
	}
	v.list = list
}

// bare is the cause of an error whose head says what the report says anyway.
func bare(err error) error {
	if d, ok := errors.AsType[*DamagedError](err); ok {
		return d.Err
	}
	return err
}

// walk compares names, kinds and symlinks with the DAG, and has every file
// looked at.
func (v *verifier) walk(ctx context.Context) {
	p, err := openPart(v.store, v.key, v.store.TreeDir(v.key))
	if err == nil {
		defer p.close()
		err = p.walk(ctx, walking{}, func(e *dag.Entry) error { return v.entry(ctx, e) })
	}
	if err != nil {
		v.walked, v.framed = err, p != nil && p.badLeaf
		return
	}
	v.leave(0)
}

// blameWalk blames .car for a walk that broke off, unless a file that it had to
// read is damaged: that was found out from .objects.
func (v *verifier) blameWalk() {
	if v.walked == nil || v.framed && len(v.faults)+len(v.bad) > 0 {
		return
	}
	v.wrong("", v.tree()+".car", "", bare(v.walked))
}

func (v *verifier) entry(ctx context.Context, e *dag.Entry) error {
	v.leaveTo(e.Path)
	at := v.onDisk(e.Path)
	switch e.Kind {
	case dag.Dir:
		v.enter(e.Path, at)
	case dag.Symlink:
		t, err := os.Readlink(at)
		switch {
		case err != nil && unread(err):
			v.wrong(e.Path, v.inTree(e.Path), "", err)
		case err != nil || t != e.Target:
			v.fault(e.Path, v.inTree(e.Path), "not the symlink that it was")
		}
	case dag.File:
		v.goFile(ctx, v.wanted(e))
	}
	return ctx.Err()
}

// enter begins a directory.
func (v *verifier) enter(path, onDisk string) {
	fi, err := os.Lstat(onDisk)
	if err == nil && !fi.IsDir() {
		err = syscall.ENOTDIR
	}
	var names []string
	if err == nil {
		names, err = readNames(onDisk)
	}
	switch {
	case err != nil && unread(err):
		v.wrong(path, v.inTree(path), "", err)
	case err != nil:
		v.fault(path, v.inTree(path), "not a directory any more")
	case runtime.GOOS != "windows" && fi.Mode().Perm()&0o022 != 0:
		v.fault(path, v.inTree(path), "mode %v: others may change what is in it", fi.Mode())
	}
	d := openDir{path, make(map[string]bool, len(names))}
	for _, n := range names {
		d.names[n] = true
	}
	v.opened = append(v.opened, d)
}

// leaveTo leaves the directories that path is not in, and takes path's name out
// of the one that it is in.
func (v *verifier) leaveTo(path string) {
	for n := len(v.opened); n > 0; n-- {
		if rest, ok := below(v.opened[n-1].path, path); ok {
			v.leave(n)
			delete(v.opened[n-1].names, rest)
			return
		}
	}
}

// leave leaves all directories but the outer ones. What is left of the names in
// one is extra.
func (v *verifier) leave(outer int) {
	for _, d := range v.opened[outer:] {
		for n := range d.names {
			at := path.Join(d.path, n)
			v.fault(at, v.inTree(at), "extra: the package has no such name")
		}
	}
	v.opened = v.opened[:outer]
}

// unnamed looks at the files that only .objects speaks of: all of them, where
// the DAG could not be walked; else those below a top-level name that is lost,
// which the walk took for another part's.
func (v *verifier) unnamed(ctx context.Context) {
	if v.list == nil {
		return
	}
	lost := map[string]bool{}
	for f := range v.list.unseen() {
		if ctx.Err() != nil {
			return
		}
		top, _, _ := strings.Cut(f.path, "/")
		if _, ok := lost[top]; !ok {
			_, err := os.Lstat(v.onDisk(top))
			lost[top] = isNotExist(err)
		}
		if v.walked == nil && !lost[top] {
			v.fault(f.path, v.tree()+".objects", "it names %s, which the package does not have", f.path)
			continue
		}
		v.goFile(ctx, wanted{path: f.path, size: f.size, mode: objectMode(f.object.exec), object: f.object})
	}
}

func (v *verifier) goFile(ctx context.Context, w wanted) {
	v.tasks.Go(func() error {
		v.file(ctx, w)
		return ctx.Err()
	})
}
