package store

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"ipp/store/dag"
)

// wanted is what a file has to be.
type wanted struct {
	path   string
	size   int64
	mode   fs.FileMode // 0: not known
	object objectKey   // zero: not known
	leaves []dag.Leaf  // nil: not known
	named  bool        // the DAG names the object
}

// wanted puts together what DAG and .objects say of a file; where they differ
// .objects is wrong.
func (v *verifier) wanted(e *dag.Entry) wanted {
	w := wanted{path: e.Path, size: e.Size, leaves: e.Leaves}
	f, listed := fileLine{}, false
	if v.list != nil {
		f, listed = v.list.see(e.Path)
	}
	exec, known := e.Exec, e.HasMode
	if !known && listed {
		exec, known = f.object.exec, true
	}
	if known {
		w.mode = objectMode(exec)
	}
	c, named := dag.ObjectCID(e.Leaves)
	if w.named = named && known; w.named {
		w.object, _ = objectKeyOf(c, exec) // ObjectCID gives nothing else
	} else if listed {
		w.object = f.object
		w.object.exec = exec
	}
	if v.list != nil && (!listed || f.size != e.Size || f.object != w.object) {
		v.fault(e.Path, v.tree()+".objects", "it says something else of %s than the package", e.Path)
	}
	return w
}

// file looks at one file. Where it is its object, which is one inode, the object
// is blamed, and was hashed for all the trees that share it.
func (v *verifier) file(ctx context.Context, w wanted) {
	v.objects.names(w.object)
	path, object := v.onDisk(w.path), w.object.file()
	blame := v.inTree(w.path)
	fi, err := os.Lstat(path)
	of, oerr := os.Lstat(v.store.path(filepath.FromSlash(object)))
	shared := err == nil && oerr == nil && os.SameFile(fi, of)
	if shared {
		blame = object
	}
	why := ""
	if err == nil {
		why = w.differs(fi)
	} else if isNotExist(err) {
		why, err = "missing", nil
	}
	if err == nil && why == "" {
		if shared {
			why, err = v.objects.object(ctx, w.object)
		} else {
			why, err = v.contents(ctx, path, w)
			why = w.and(fi, why)
		}
	}
	if ctx.Err() != nil {
		return
	}
	v.wrong(w.path, blame, why, err)
	if !shared && w.object != (objectKey{}) {
		why, err := v.objects.object(ctx, w.object)
		if why != "" && ctx.Err() == nil {
			why = "the object of " + w.path + ": " + why
		}
		v.wrong(w.path, object, why, err)
	}
}

// differs says what is wrong with a file that is not read.
func (w *wanted) differs(fi fs.FileInfo) string {
	switch {
	case !fi.Mode().IsRegular():
		return errNotRegular.Error()
	case fi.Size() != w.size:
		return fmt.Sprintf("%d bytes, not %d", fi.Size(), w.size)
	}
	return ""
}

// and adds to what was found out of a file's contents that its mode differs.
func (w *wanted) and(fi fs.FileInfo, why string) string {
	if w.mode == 0 || fi == nil || !fi.Mode().IsRegular() || sameMode(fi, w.mode) {
		return why
	}
	mode := fmt.Sprintf("mode %v, not %v", fi.Mode(), w.mode)
	if why != "" {
		return why + "; " + mode
	}
	return mode
}

// contents compares a file that is not its object's inode. Leaves that don't
// name an object (of another chunker) are compared one by one where .objects,
// which does, says something else.
func (v *verifier) contents(ctx context.Context, path string, w wanted) (string, error) {
	const changed = "contents changed"
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if w.object != (objectKey{}) {
		c, err := v.store.pool.HashFile(ctx, f, w.size, v.report)
		if err != nil {
			return "", err
		}
		if w.object.names(c) {
			return "", nil
		}
		if w.named || w.leaves == nil {
			return changed, nil
		}
	}
	for _, l := range w.leaves {
		if ok, err := holdsLeaf(f, l); !ok || err != nil {
			return changed, err
		}
	}
	if w.object != (objectKey{}) {
		v.fault(w.path, v.tree()+".objects", "it says something else of %s than the package", w.path)
	}
	return "", nil
}

// holdsLeaf says whether the file has the contents of leaf l where they belong.
func holdsLeaf(f io.ReaderAt, l dag.Leaf) (bool, error) {
	buf := make([]byte, l.Size)
	if n, err := f.ReadAt(buf, l.Offset); n < len(buf) && err != nil {
		if err == io.EOF {
			err = nil
		}
		return false, err
	}
	return l.Is(buf), nil
}

// checkFile compares one file, or an object, with what its listing says: kind,
// mode, size and contents. It says what is wrong, or why it can't tell.
func (s *Store) checkFile(ctx context.Context, path string, f FileInfo, report func(int64)) (why string, err error) {
	fi, err := os.Lstat(path)
	if isNotExist(err) {
		return "missing", nil
	}
	if err != nil {
		return "", err
	}
	w := wanted{size: f.Size, mode: f.mode()}
	if why := w.differs(fi); why != "" {
		return why, nil
	}
	k, err := parseObjectKey(f.Object)
	if err != nil {
		return "", err
	}
	why, err = s.checkContents(ctx, path, k, f.Size, s.pool, report)
	return w.and(fi, why), err
}

func (s *Store) checkContents(ctx context.Context, path string, k objectKey, size int64, pool *dag.Pool, report func(int64)) (why string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	c, err := pool.HashFile(ctx, file, size, report)
	if err != nil {
		return "", err
	}
	if !k.names(c) {
		return "contents changed", nil
	}
	return "", nil
}

// checkObject compares an object with its own name: whatever its size is.
func (s *Store) checkObject(ctx context.Context, k objectKey, pool *dag.Pool, report func(int64)) (why string, err error) {
	path := s.path(filepath.FromSlash(k.file()))
	fi, err := os.Lstat(path)
	if isNotExist(err) {
		return "missing", nil
	}
	if err != nil {
		return "", err
	}
	w := wanted{size: fi.Size(), mode: objectMode(k.exec)}
	if why := w.differs(fi); why != "" {
		return why, nil
	}
	why, err = s.checkContents(ctx, path, k, fi.Size(), pool, report)
	return w.and(fi, why), err
}

// hashed are verdicts on objects that are looked at when asked for, each once.
type hashed struct {
	store  *Store
	report func(int64)

	mu   sync.Mutex
	over *sync.Cond // some object was looked at
	all  map[objectKey]hashing
	bad  map[objectKey]verdict
}

// hashing is how far the look at an object has come.
type hashing uint8

const (
	hashingNow hashing = iota + 1
	hashedGood
	hashedBad // see bad
)

type verdict struct {
	why string
	err error
}

func newHashed(s *Store, report func(int64)) *hashed {
	h := &hashed{store: s, report: report, all: map[objectKey]hashing{}, bad: map[objectKey]verdict{}}
	h.over = sync.NewCond(&h.mu)
	return h
}

func (h *hashed) names(objectKey) {}

func (h *hashed) object(ctx context.Context, k objectKey) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.all[k] == hashingNow {
		h.over.Wait()
	}
	if h.all[k] == 0 {
		h.all[k] = hashingNow
		h.mu.Unlock()
		why, err := h.store.checkObject(ctx, k, h.store.pool, h.report)
		h.mu.Lock()
		h.all[k] = hashedGood
		if why != "" || err != nil {
			h.all[k], h.bad[k] = hashedBad, verdict{why, err}
		}
		h.over.Broadcast()
	}
	return h.bad[k].why, h.bad[k].err
}
