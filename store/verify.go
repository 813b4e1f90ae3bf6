package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"ipp/store/dag"

	"golang.org/x/sync/errgroup"
)

// Fault is something wrong with a tree.
type Fault struct {
	Key  Key
	Path string // in the tree, slash-separated; "" for the tree as a whole
	Why  string
}

// Verify rehashes every file of a tree, compares the tree with its .objects
// and its DAG, and lists missing, changed and extra files. An error says that
// verifying itself failed.
func (s *Store) Verify(ctx context.Context, k Key, report func(int64)) ([]Fault, error) {
	v := &verifier{store: s, key: k, report: report, onDisk: map[string]bool{}}
	files, err := s.Files(k)
	if err != nil {
		return []Fault{{k, "", err.Error()}}, nil
	}
	if err := v.contents(ctx, files); err != nil {
		return nil, fmt.Errorf("verify tree %s: %w", k, err)
	}
	if err := v.shape(ctx, files); err != nil {
		return nil, fmt.Errorf("verify tree %s: %w", k, err)
	}
	slices.SortFunc(v.faults, func(a, b Fault) int { return cmp.Compare(a.Path, b.Path) })
	return v.faults, nil
}

type verifier struct {
	store  *Store
	key    Key
	report func(int64)
	onDisk map[string]bool

	mu     sync.Mutex
	faults []Fault
}

func (v *verifier) fault(path, format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults = append(v.faults, Fault{v.key, path, fmt.Sprintf(format, args...)})
}

// contents rehashes the files that .objects names.
func (v *verifier) contents(ctx context.Context, files []FileInfo) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(v.store.slots)
	dir := v.store.TreeDir(v.key)
	for _, f := range files {
		g.Go(func() error {
			err := v.store.checkFile(ctx, filepath.Join(dir, filepath.FromSlash(f.Path)), f, v.report)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				v.fault(f.Path, "%v", err)
			}
			return nil
		})
	}
	return g.Wait()
}

// checkFile compares one file, or an object, with what its listing says: kind,
// mode, size and contents.
func (s *Store) checkFile(ctx context.Context, path string, f FileInfo, report func(int64)) error {
	fi, err := os.Lstat(path)
	switch {
	case isNotExist(err):
		return errors.New("missing")
	case err != nil:
		return err
	case !fi.Mode().IsRegular():
		return errNotRegular
	case fi.Size() != f.Size:
		return fmt.Errorf("%d bytes, not %d", fi.Size(), f.Size)
	case !sameMode(fi, f.mode()):
		return fmt.Errorf("its mode is %v, not %v", fi.Mode(), f.mode())
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	c, err := s.pool.HashFile(ctx, file, f.Size, report)
	if err != nil {
		return err
	}
	if objectName(c, f.Exec()) != f.Object {
		return errors.New("contents changed")
	}
	return nil
}

// shape compares names, symlinks and sizes with the DAG that .car holds.
func (v *verifier) shape(ctx context.Context, files []FileInfo) error {
	if err := v.listDisk(); err != nil {
		return err
	}
	listed := make(map[string]FileInfo, len(files))
	for _, f := range files {
		listed[f.Path] = f
	}
	p, err := openPart(v.store, v.key, v.store.TreeDir(v.key))
	if err != nil {
		v.fault("", "%v", err)
		return nil
	}
	defer p.close()
	err = p.walk(ctx, walking{}, func(e *dag.Entry) error {
		v.entry(e, listed)
		delete(v.onDisk, e.Path)
		return nil
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		if len(v.faults) == 0 { // a damaged file's own fault says it better
			v.fault("", "%v", err)
		}
		return nil
	}
	for path := range v.onDisk {
		v.fault(path, "extra: the package has no such name")
	}
	return nil
}

func (v *verifier) listDisk() error {
	dir := v.store.TreeDir(v.key)
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err == nil && rel != "." {
			v.onDisk[filepath.ToSlash(rel)] = true
		}
		return err
	})
}

func (v *verifier) entry(e *dag.Entry, listed map[string]FileInfo) {
	path := filepath.Join(v.store.TreeDir(v.key), filepath.FromSlash(e.Path))
	switch e.Kind {
	case dag.Dir:
		if fi, err := os.Lstat(path); err != nil || !fi.IsDir() {
			v.fault(e.Path, "not a directory any more")
		}
	case dag.Symlink:
		if t, err := os.Readlink(path); err != nil || t != e.Target {
			v.fault(e.Path, "not the symlink that it was")
		}
	case dag.File:
		f, ok := listed[e.Path]
		c, named := dag.ObjectCID(e.Leaves)
		name, exec, err := objectCID(f.Object)
		if !ok || f.Size != e.Size || err != nil || named && name != c || e.HasMode && exec != e.Exec {
			v.fault(e.Path, "the list of objects says something else than the package")
		}
	}
}
