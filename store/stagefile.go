package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"

	"ipp/store/dag"
	"ipp/store/durable"

	"github.com/ipfs/go-cid"
)

// stagedFile is one file being staged.
type stagedFile struct {
	*stage
	dir   *openedDir
	entry *dag.Entry
	name  string // in dir
	mode  fs.FileMode
}

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
			if errors.Is(err, errDiffers) { // which is an answer
				return nil
			}
			return err
		})
	}
	wg.Wait()
	return first
}

// put stages the file: what a killed attempt left, an object of the store, or
// its leaves from the source, whichever comes first and verifies.
func (f *stagedFile) put(ctx context.Context, each eachLeaf) error {
	e := f.entry
	exec := f.plan.exec(e)
	f.mode = objectMode(exec)
	c, named := dag.ObjectCID(e.Leaves)
	done, err := f.resume(ctx, each)
	if err == nil && !done && named {
		done, err = f.link(ctx, objectName(c, exec), each)
	}
	if err == nil && !done {
		err = f.write(ctx, each)
	}
	if err == nil && !named {
		c, err = f.hash(ctx)
	}
	var key objectKey
	if err == nil {
		key, err = objectKeyOf(c, exec)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", e.Path, err)
	}
	f.files.add(e.Path, key, e.Size)
	return nil
}

// resume keeps a finished file that verifies, made durable on a descriptor of
// its own; anything else finished is dropped, also what can't be read. An
// unfinished one is left to write.
func (f *stagedFile) resume(ctx context.Context, each eachLeaf) (bool, error) {
	if f.known == nil {
		return false, nil
	}
	fi, err := f.dir.root.Lstat(f.name)
	if isNotExist(err) {
		return false, nil
	}
	if err != nil || fi.Mode() == 0o600 {
		return false, err
	}
	if fi.Mode().IsRegular() {
		ok, err := f.holds(ctx, each)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if ok && err == nil && durable.SyncFile(f.abs(f.entry.Path)) == nil {
			return true, nil
		}
	}
	return false, f.dir.root.RemoveAll(f.name)
}

// link takes the contents from an object, if there is one that verifies. One
// that can't be read is an error: of that nothing is known.
func (f *stagedFile) link(ctx context.Context, object string, each eachLeaf) (bool, error) {
	object = f.store.objectPath(object)
	if fi, err := os.Lstat(object); err != nil || !fi.Mode().IsRegular() {
		return false, nil // publishing tells what is wrong with it
	}
	if f.known != nil { // what an attempt left unfinished makes way
		if err := f.dir.root.RemoveAll(f.name); err != nil {
			return false, err
		}
	}
	_, err := durable.Link(object, f.abs(f.entry.Path))
	if isNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	ok, err := f.holds(ctx, each)
	if ok || err != nil {
		return ok, err
	}
	return false, f.dir.root.Remove(f.name)
}

// holds says whether what is staged has the mode and the contents of the file,
// told by their hashes; if so they are reported as done.
func (f *stagedFile) holds(ctx context.Context, each eachLeaf) (bool, error) {
	file, err := f.dir.root.Open(f.name)
	if err != nil {
		return false, err
	}
	defer file.Close()
	fi, err := file.Stat()
	if err != nil || fi.Size() != f.entry.Size || !sameMode(fi, f.mode) {
		return false, err
	}
	err = each(f.entry.Leaves, func(l dag.Leaf) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		ok, err := holdsLeaf(file, l)
		if err == nil && !ok {
			err = errDiffers
		}
		return err
	})
	if errors.Is(err, errDiffers) {
		return false, nil
	}
	if err == nil {
		f.report(f.entry.Size)
	}
	return err == nil, err
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
func (f *stagedFile) write(ctx context.Context, each eachLeaf) error {
	file, err := f.dir.root.OpenFile(f.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	resumed := f.known != nil && errors.Is(err, fs.ErrExist)
	if resumed {
		file, err = f.dir.root.OpenFile(f.name, os.O_RDWR, 0)
	}
	if err != nil {
		return err
	}
	defer file.Close()
	err = each(f.entry.Leaves, func(l dag.Leaf) error { return f.writeLeaf(ctx, file, l, resumed) })
	if err != nil {
		return err
	}
	if resumed {
		if err := errors.Join(file.Truncate(f.entry.Size), durable.SyncFile(f.abs(f.entry.Path))); err != nil {
			return errors.Join(err, f.dir.root.Remove(f.name))
		}
	}
	return errors.Join(file.Chmod(f.mode), file.Close())
}

func (f *stagedFile) writeLeaf(ctx context.Context, file *os.File, l dag.Leaf, resumed bool) error {
	if !resumed || !leafAt(file, l) {
		data, err := dag.ReadLeaf(ctx, f.src, l)
		if err != nil {
			return err
		}
		if _, err := file.WriteAt(data, l.Offset); err != nil {
			return err
		}
	}
	f.report(l.Size)
	return nil
}

// hash names contents whose leaves don't: cut by another chunker.
func (f *stagedFile) hash(ctx context.Context) (cid.Cid, error) {
	file, err := f.dir.root.Open(f.name)
	if err != nil {
		return cid.Undef, err
	}
	defer file.Close()
	return f.store.pool.HashFile(ctx, file, f.entry.Size, nil)
}
