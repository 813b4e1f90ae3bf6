package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"

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

	// known holds every path of the plan, where something lay in staging
	// before: what else is found there goes.
	known map[string]bool

	mu    sync.Mutex
	files []FileInfo
}

func (s *Store) stagingDir(k Key) string { return s.path("staging", k.String()) }

func (s *Store) stagingMutex(ctx context.Context, k Key) (*flock.Lock, error) {
	return flock.Acquire(ctx, s.stagingDir(k)+".mutex", flock.Exclusive, "stage", s.wait)
}

// discardStaging removes what was staged for a tree.
func (s *Store) discardStaging(k Key) error {
	dir := s.stagingDir(k)
	return errors.Join(os.RemoveAll(dir), removeIfThere(dir+".car"), removeIfThere(dir+".objects"))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !isNotExist(err) {
		return err
	}
	return nil
}

// stageAndPublish fetches, syncs and publishes, in the order of the design's
// "Commit" 2 to 4.
func (s *Store) stageAndPublish(ctx context.Context, p *Plan, src dag.Blocks, report func(int64)) error {
	st := &stage{store: s, plan: p, src: src, report: report, dir: s.stagingDir(p.Key)}
	if err := st.open(); err != nil {
		return err
	}
	defer st.close()
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
	err := dag.Walk(taskCtx, st.src, st.plan.Root, st.plan.walk(block), func(e *dag.Entry) error {
		return st.entry(taskCtx, e)
	})
	if taskErr := st.tasks.Wait(); taskErr != nil {
		return taskErr // the walk only saw its context end
	}
	return err
}

func (st *stage) entry(ctx context.Context, e *dag.Entry) error {
	if st.known != nil {
		st.known[filepath.FromSlash(e.Path)] = true
	}
	switch e.Kind {
	case dag.Dir:
		return st.mkdir(e)
	case dag.Symlink:
		return st.symlink(e)
	}
	if len(e.Leaves) > 2*st.store.slots { // its leaves go side by side
		return st.file(ctx, e, st.spread)
	}
	st.tasks.Go(func() error { return st.file(ctx, e, inTurn) })
	return nil
}

func (st *stage) mkdir(e *dag.Entry) error {
	if e.Path == "" {
		return nil
	}
	err := st.root.Mkdir(e.Path, 0o755)
	if st.known != nil && errors.Is(err, fs.ErrExist) {
		if fi, lerr := st.root.Lstat(e.Path); lerr == nil && fi.IsDir() {
			err = nil
		} else { // of a damaged tree that a killed healing left here
			err = errors.Join(st.root.RemoveAll(e.Path), st.root.Mkdir(e.Path, 0o755))
		}
	}
	if err == nil {
		err = st.root.Chmod(e.Path, 0o755) // whatever the umask
	}
	return err
}

func (st *stage) symlink(e *dag.Entry) error {
	if st.known != nil {
		if t, err := st.root.Readlink(e.Path); err == nil && t == e.Target {
			return nil
		}
		if err := st.root.RemoveAll(e.Path); err != nil {
			return err
		}
	}
	return durable.Symlink(e.Target, st.abs(e.Path))
}

func (st *stage) abs(path string) string { return filepath.Join(st.dir, filepath.FromSlash(path)) }

// eachLeaf runs f for every leaf of a file.
type eachLeaf func(leaves []dag.Leaf, f func(dag.Leaf) error) error

func inTurn(leaves []dag.Leaf, f func(dag.Leaf) error) error {
	for _, l := range leaves {
		if err := f(l); err != nil {
			return err
		}
	}
	return nil
}

func (st *stage) spread(leaves []dag.Leaf, f func(dag.Leaf) error) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var first error
	for _, l := range leaves {
		wg.Add(1)
		st.tasks.Go(func() error {
			defer wg.Done()
			err := f(l)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				first = errors.Join(first, err)
			}
			return err
		})
	}
	wg.Wait()
	return first
}

// file stages one file: what a killed attempt left, an object of the store, or
// its leaves from the source, whichever comes first and verifies.
func (st *stage) file(ctx context.Context, e *dag.Entry, each eachLeaf) error {
	exec := st.plan.exec(e)
	mode := objectMode(exec)
	c, named := dag.ObjectCID(e.Leaves)
	done, err := st.resume(e, mode, each)
	if err == nil && !done && named {
		done, err = st.link(e, objectName(c, exec), mode, each)
	}
	if err == nil && !done {
		err = st.write(ctx, e, mode, each)
	}
	if err == nil && !named {
		c, err = st.hash(ctx, e)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", e.Path, err)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.files = append(st.files, FileInfo{Path: e.Path, Object: objectName(c, exec), Size: e.Size})
	return nil
}

// resume keeps a finished file that verifies, made durable on a descriptor of
// its own; anything else finished is dropped. An unfinished one is left to
// write.
func (st *stage) resume(e *dag.Entry, mode fs.FileMode, each eachLeaf) (bool, error) {
	if st.known == nil {
		return false, nil
	}
	fi, err := st.root.Lstat(e.Path)
	if isNotExist(err) {
		return false, nil
	}
	if err != nil || fi.Mode() == 0o600 {
		return false, err
	}
	if fi.Mode().IsRegular() && st.holds(e, mode, each) && durable.SyncFile(st.abs(e.Path)) == nil {
		return true, nil
	}
	return false, st.root.RemoveAll(e.Path)
}

// link takes the contents from an object, if there is one that verifies.
func (st *stage) link(e *dag.Entry, object string, mode fs.FileMode, each eachLeaf) (bool, error) {
	if fi, err := os.Lstat(st.store.objectPath(object)); err != nil || !fi.Mode().IsRegular() {
		return false, nil // publishing tells what is wrong with it
	}
	if st.known != nil { // what an attempt left unfinished makes way
		if err := st.root.RemoveAll(e.Path); err != nil {
			return false, err
		}
	}
	_, err := durable.Link(st.store.objectPath(object), st.abs(e.Path))
	if isNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if st.holds(e, mode, each) {
		return true, nil
	}
	return false, st.root.Remove(e.Path)
}

// holds says whether the staged file has the mode and the contents of e, told
// by their hashes; if so they are reported as done.
func (st *stage) holds(e *dag.Entry, mode fs.FileMode, each eachLeaf) bool {
	f, err := st.root.Open(e.Path)
	if err != nil {
		return false
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || fi.Size() != e.Size || !sameMode(fi, mode) {
		return false
	}
	err = each(e.Leaves, func(l dag.Leaf) error {
		if !leafAt(f, l) {
			return errDiffers
		}
		return nil
	})
	if err != nil {
		return false
	}
	st.report(e.Size)
	return true
}

// sameMode compares with a regular file's mode, as far as the system has modes.
func sameMode(fi fs.FileInfo, mode fs.FileMode) bool {
	return fi.Mode() == mode || runtime.GOOS == "windows" && fi.Mode().IsRegular()
}

var errDiffers = errors.New("contents differ")

// leafAt says whether the file is known to have the contents of leaf l where
// they belong.
func leafAt(f io.ReaderAt, l dag.Leaf) bool {
	ok, err := holdsLeaf(f, l)
	return ok && err == nil
}

// write fetches the leaves that are not there yet. Each is verified before it
// is written, and the mode that finishes the file is set last.
func (st *stage) write(ctx context.Context, e *dag.Entry, mode fs.FileMode, each eachLeaf) error {
	f, err := st.root.OpenFile(e.Path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	resumed := st.known != nil && errors.Is(err, fs.ErrExist)
	if resumed {
		f, err = st.root.OpenFile(e.Path, os.O_RDWR, 0)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	err = each(e.Leaves, func(l dag.Leaf) error { return st.writeLeaf(ctx, f, l, resumed) })
	if err != nil {
		return err
	}
	if resumed {
		if err := errors.Join(f.Truncate(e.Size), durable.SyncFile(st.abs(e.Path))); err != nil {
			return errors.Join(err, st.root.Remove(e.Path))
		}
	}
	return errors.Join(f.Chmod(mode), f.Close())
}

func (st *stage) writeLeaf(ctx context.Context, f *os.File, l dag.Leaf, resumed bool) error {
	if !resumed || !leafAt(f, l) {
		data, err := dag.ReadLeaf(ctx, st.src, l)
		if err != nil {
			return err
		}
		if _, err := f.WriteAt(data, l.Offset); err != nil {
			return err
		}
	}
	st.report(l.Size)
	return nil
}

// hash names contents whose leaves don't: cut by another chunker.
func (st *stage) hash(ctx context.Context, e *dag.Entry) (cid.Cid, error) {
	f, err := st.root.Open(e.Path)
	if err != nil {
		return cid.Undef, err
	}
	defer f.Close()
	return st.store.pool.HashFile(ctx, f, e.Size, nil)
}

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
	return errors.Join(writeList(f, st.files), f.Close())
}

// sync makes all that was staged durable. A failed sync is never retried: what
// it covered is thrown away.
func (st *stage) sync() error {
	if err := st.fs.Sync(st.dir, st.dir+".car", st.dir+".objects"); err != nil {
		return errors.Join(fmt.Errorf("sync: %w", err), st.store.discardStaging(st.plan.Key))
	}
	return nil
}
