package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"ipp/store/durable"
)

// publish gives what was staged its names, under sweep shared: objects first,
// then .car and .objects; a second sync; and only then the tree, by one rename.
func (st *stage) publish(ctx context.Context) error {
	s, k := st.store, st.plan.Key
	sweep, err := s.sharedSweep(ctx, "publish")
	if err != nil {
		return err
	}
	defer sweep.Release()
	shards, err := st.publishObjects(ctx)
	if err != nil {
		return err
	}
	// They follow from root and part alone, so what lies there is replaced.
	if err := errors.Join(s.clearWay(s.carPath(k)), s.clearWay(s.listPath(k))); err != nil {
		return err
	}
	if err := errors.Join(durable.Replace(st.dir+".car", s.carPath(k)), durable.Replace(st.dir+".objects", s.listPath(k))); err != nil {
		return err
	}
	err = st.fs.Sync(append(shards, s.carPath(k), s.listPath(k))...)
	if err == nil {
		err = st.fs.SyncNames(slices.Collect(maps.Keys(st.relinked))...)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("sync: %w", err), s.discardStaging(k))
	}
	for _, d := range []string{"objects", "trees"} { // also where a shard was found
		if err := durable.SyncDir(s.path(d)); err != nil {
			return errors.Join(err, s.discardStaging(k))
		}
	}
	if err := st.show(); err != nil {
		return err
	}
	return s.syncTrees()
}

// show makes the tree visible. One that gc renamed back from the trash, or
// that somebody else made, is taken as found; a damaged one is swapped in one
// step and goes to the trash, so that the name is never without a tree. Where
// the file system can't swap, it is without one for a moment: better than
// damaged for good.
func (st *stage) show() error {
	s, tree := st.store, st.store.TreeDir(st.plan.Key)
	if st.plan.Damaged {
		err := durable.Exchange(st.dir, tree)
		if err == nil {
			return durable.RenameNoReplace(st.dir, s.trashName(st.plan.Key))
		}
		if errors.Is(err, errors.ErrUnsupported) {
			err = durable.RenameNoReplace(tree, s.trashName(st.plan.Key))
		}
		if err != nil && !isNotExist(err) {
			return err
		}
	}
	err := durable.RenameNoReplace(st.dir, tree)
	if errors.Is(err, fs.ErrExist) && !s.Has(st.plan.Key) { // no tree, whatever it is
		err = errors.Join(os.Remove(tree), durable.RenameNoReplace(st.dir, tree))
	}
	if errors.Is(err, fs.ErrExist) {
		return s.discardStaging(st.plan.Key)
	}
	return err
}

// syncTrees makes a tree's arrival durable: both parents of the rename.
func (s *Store) syncTrees() error {
	if err := durable.SyncDir(s.path("trees")); err != nil {
		return err
	}
	return durable.SyncDir(s.path("staging"))
}

// publishObjects links every staged file into objects/, and returns the shards
// that it touched.
func (st *stage) publishObjects(ctx context.Context) ([]string, error) {
	var shards []string
	var last objectKey
	files := &st.files
	err := files.each(files.byObject, func(logged loggedFile) error {
		f := files.info(logged)
		object := st.store.objectPath(f.Object)
		if shard := filepath.Dir(object); len(shards) == 0 || shards[len(shards)-1] != shard {
			if err := st.store.makeShard(shard); err != nil {
				return err
			}
			shards = append(shards, shard)
		}
		if err := st.publishObject(ctx, f, object, logged.object == last); err != nil {
			return fmt.Errorf("publish %s: %w", f.Path, err)
		}
		last = logged.object
		return nil
	})
	return shards, err
}

func (s *Store) makeShard(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		if fi, lerr := os.Lstat(dir); lerr == nil && fi.IsDir() {
			return nil
		}
		err = errors.Join(s.putAway(dir), os.Mkdir(dir, 0o755))
	}
	if err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// clearWay makes way for a file where a directory has taken its name: nothing
// of ours, which no rename replaces.
func (s *Store) clearWay(path string) error {
	if fi, err := os.Lstat(path); err != nil || !fi.IsDir() {
		return nil // what is to come tells
	}
	return s.putAway(path)
}

// putAway moves what has the name of something of ours into the trash.
func (s *Store) putAway(path string) error {
	return durable.RenameNoReplace(path, s.path("trash", filepath.Base(path)+"~"+chance()))
}

// publishObject links a staged file to its object. Where there is one already
// the staged name becomes a link to it, unless it is damaged: then the staged
// file takes its place. ours says that this publication put it there.
func (st *stage) publishObject(ctx context.Context, f FileInfo, object string, ours bool) error {
	staged := st.abs(f.Path)
	_, err := durable.Link(staged, object)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if same, err := sameFile(staged, object); same || err != nil {
		return err
	}
	if !ours {
		why, err := st.store.checkFile(ctx, object, f, nil)
		if err != nil { // nothing is known of it
			return err
		}
		if why != "" {
			return st.store.replaceObject(staged, object)
		}
	}
	if err := os.Remove(staged); err != nil {
		return err
	}
	_, err = durable.Link(object, staged)
	st.relinked[filepath.Dir(staged)] = true
	return err
}

func (s *Store) replaceObject(staged, object string) error {
	if err := s.clearWay(object); err != nil {
		return err
	}
	tmp := filepath.Join(filepath.Dir(object), ".tmp."+chance())
	if _, err := durable.Link(staged, tmp); err != nil {
		return err
	}
	return durable.Replace(tmp, object)
}

func sameFile(a, b string) (bool, error) {
	fa, err := os.Lstat(a)
	if err != nil {
		return false, err
	}
	fb, err := os.Lstat(b)
	if err != nil {
		return false, err
	}
	return os.SameFile(fa, fb), nil
}

func chance() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
