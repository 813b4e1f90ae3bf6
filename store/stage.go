package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync/atomic"

	"ipp/store/dag"
	"ipp/store/durable"
	"ipp/store/flock"

	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"
)

// stage is one tree being put together in staging/KEY, under its mutex.
//
// A file is unfinished while its owner may write it (0600), and then has one
// name only. A finished one (0444, 0555) may be linked into objects/, so it is
// never opened for writing and never changes its mode.
type stage struct {
	store  *Store
	plan   *Plan
	src    dag.Blocks
	report func(int64)
	dir    string
	root   *os.Root
	fs     *durable.FS
	tasks  *errgroup.Group
	opened []*openedDir // from the root to where the walk is

	// known holds every path of the plan, where something lay in staging
	// before: what else is found there goes.
	known map[string]bool

	files fileLog
	// relinked are the directories in which publishing put names of objects.
	relinked map[string]bool
}

func (s *Store) stagingDir(k Key) string { return s.path("staging", k.String()) }

func (s *Store) stagingMutex(ctx context.Context, k Key) (*flock.Lock, error) {
	return flock.Acquire(ctx, s.stagingDir(k)+".mutex", flock.Exclusive, "stage", s.wait)
}

// discardStaging removes what was staged for a tree.
func (s *Store) discardStaging(k Key) error {
	dir := s.stagingDir(k)
	return errors.Join(os.RemoveAll(dir), os.RemoveAll(dir+".car"), os.RemoveAll(dir+".objects"))
}

// stageAndPublish fetches, syncs and publishes, in the order of the design's
// "Commit" 2 to 4.
func (s *Store) stageAndPublish(ctx context.Context, p *Plan, src dag.Blocks, report func(int64)) error {
	st := &stage{store: s, plan: p, src: dag.Whole(src), report: report, dir: s.stagingDir(p.Key), relinked: map[string]bool{}}
	if err := st.open(); err != nil {
		return err
	}
	defer st.close()
	if r, ok := src.(dag.Remote); ok {
		defer st.expect(ctx, r)()
	}
	if err := st.fetch(ctx); err != nil {
		if contentError(err) {
			err = errors.Join(err, s.discardStaging(p.Key))
		}
		return err
	}
	if err := st.sync(); err != nil {
		return err
	}
	return st.publish(ctx)
}

// open opens the descriptor for syncfs before the first byte is staged, so
// that it is told of every write error.
func (st *stage) open() (err error) {
	if st.fs, err = durable.OpenFS(filepath.Dir(st.dir)); err != nil {
		return err
	}
	if fi, err := os.Lstat(st.dir); err == nil && !fi.IsDir() { // not ours: nothing is written through it
		if err := os.Remove(st.dir); err != nil {
			return errors.Join(err, st.fs.Close())
		}
	}
	err = os.Mkdir(st.dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		st.known, err = map[string]bool{".": true}, nil
	}
	if err == nil {
		err = os.Chmod(st.dir, 0o755) // whatever the umask
	}
	if err == nil {
		st.root, err = os.OpenRoot(st.dir)
	}
	if err != nil {
		st.fs.Close()
	}
	return err
}

func (st *stage) close() {
	st.root.Close()
	st.fs.Close()
}

// fetch stages every entry of the part, and its .car and .objects.
func (st *stage) fetch(ctx context.Context) error {
	car, err := st.beside(".car")
	if err != nil {
		return err
	}
	defer car.Close()
	buf := bufio.NewWriterSize(car, 64<<10)
	w, err := dag.NewCARWriter(buf, st.plan.Root)
	if err != nil {
		return err
	}
	if err := st.walk(ctx, w.Put); err != nil {
		return err
	}
	if err := errors.Join(buf.Flush(), car.Close()); err != nil {
		return err
	}
	if err := st.dropExtras(); err != nil {
		return err
	}
	return st.writeList()
}

// beside makes a file beside the staged tree, instead of what lay there.
func (st *stage) beside(suffix string) (*os.File, error) {
	if err := os.RemoveAll(st.dir + suffix); err != nil {
		return nil, err
	}
	return os.OpenFile(st.dir+suffix, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
}

// walk hands files to a bounded number of tasks while it goes on.
func (st *stage) walk(ctx context.Context, block func(cid.Cid, []byte) error) error {
	var taskCtx context.Context
	st.tasks, taskCtx = errgroup.WithContext(ctx)
	st.tasks.SetLimit(st.store.slots)
	st.files.expect(st.plan.Files, st.plan.paths)
	st.opened = []*openedDir{openedRoot(st.root)}
	err := dag.Walk(taskCtx, st.src, st.plan.Root, st.plan.walk(block), func(e *dag.Entry) error {
		return st.entry(taskCtx, e)
	})
	taskErr := st.tasks.Wait()
	st.leave(0)
	if taskErr != nil {
		return taskErr // the walk only saw its context end
	}
	return err
}

func (st *stage) entry(ctx context.Context, e *dag.Entry) error {
	if st.known != nil {
		st.known[filepath.FromSlash(e.Path)] = true
	}
	if e.Path == "" {
		return nil // open
	}
	dir := st.dirOf(e.Path)
	switch e.Kind {
	case dag.Dir:
		return st.mkdir(dir, e)
	case dag.Symlink:
		return st.symlink(dir, e)
	}
	f := &stagedFile{stage: st, dir: dir, entry: e, name: path.Base(e.Path)}
	if len(e.Leaves) > 2*st.store.slots { // its leaves go side by side
		return f.put(ctx, f.spread)
	}
	dir.users.Add(1)
	st.tasks.Go(func() error {
		defer dir.release()
		return f.put(ctx, inTurn)
	})
	return nil
}

// openedDir is a directory in staging. What is in it is reached through its
// handle, not by the path from the root. It is closed when the walk has left it
// and its files are done.
type openedDir struct {
	path  string
	root  *os.Root
	users atomic.Int32
}

func openedRoot(root *os.Root) *openedDir {
	d := &openedDir{root: root}
	d.users.Store(2) // it stays open
	return d
}

func (d *openedDir) release() {
	if d.users.Add(-1) == 0 {
		d.root.Close() // only read
	}
}

// dirOf leaves the directories that path is not in, and returns the one that it
// is in: the walk is depth first.
func (st *stage) dirOf(at string) *openedDir {
	parent := path.Dir(at)
	if parent == "." {
		parent = ""
	}
	for n := len(st.opened); ; n-- {
		if d := st.opened[n-1]; d.path == parent {
			st.leave(n)
			return d
		}
	}
}

// leave leaves all directories but the outer ones.
func (st *stage) leave(outer int) {
	for _, d := range st.opened[outer:] {
		d.release()
	}
	st.opened = st.opened[:outer]
}

func (st *stage) mkdir(in *openedDir, e *dag.Entry) error {
	name := path.Base(e.Path)
	err := in.root.Mkdir(name, 0o755)
	if st.known != nil && errors.Is(err, fs.ErrExist) {
		if fi, lerr := in.root.Lstat(name); lerr == nil && fi.IsDir() {
			err = nil
		} else { // of a damaged tree that a killed healing left here
			err = errors.Join(in.root.RemoveAll(name), in.root.Mkdir(name, 0o755))
		}
	}
	if err == nil {
		err = in.root.Chmod(name, 0o755) // whatever the umask
	}
	if err != nil {
		return err
	}
	root, err := in.root.OpenRoot(name)
	if err != nil {
		return err
	}
	d := &openedDir{path: e.Path, root: root}
	d.users.Store(1)
	st.opened = append(st.opened, d)
	return nil
}

func (st *stage) symlink(in *openedDir, e *dag.Entry) error {
	if name := path.Base(e.Path); st.known != nil {
		if t, err := in.root.Readlink(name); err == nil && t == e.Target {
			return nil
		}
		if err := in.root.RemoveAll(name); err != nil {
			return err
		}
	}
	return durable.Symlink(e.Target, st.abs(e.Path))
}

func (st *stage) abs(path string) string { return filepath.Join(st.dir, filepath.FromSlash(path)) }

// dropExtras removes what an earlier attempt left and the plan doesn't know.
func (st *stage) dropExtras() error {
	if st.known == nil {
		return nil
	}
	return filepath.WalkDir(st.dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(st.dir, p)
		if err != nil || st.known[rel] {
			return err
		}
		if err := os.RemoveAll(p); err != nil {
			return err
		}
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
}

func (st *stage) writeList() error {
	f, err := st.beside(".objects")
	if err != nil {
		return err
	}
	return errors.Join(writeList(f, &st.files), f.Close())
}

// sync makes all that was staged durable. A failed sync is never retried: what
// it covered is thrown away.
func (st *stage) sync() error {
	if err := st.fs.Sync(st.dir, st.dir+".car", st.dir+".objects"); err != nil {
		return errors.Join(fmt.Errorf("sync: %w", err), st.store.discardStaging(st.plan.Key))
	}
	return nil
}
