package store

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"ipp/store/dag"
)

// expect tells a source that is far away what will be asked of it.
func (st *stage) expect(ctx context.Context, r dag.Remote) (end func()) {
	return r.Expect(ctx, dag.Expected{
		Root: st.plan.Root, Walk: st.plan.walk(nil),
		Lacks: st.lacks, Bytes: st.plan.NewBytes - st.resumes(), Within: st.plan.Bytes,
	})
}

// resumes is how many bytes an earlier attempt left in files that are finished.
func (st *stage) resumes() (n int64) {
	if st.known == nil {
		return 0
	}
	_ = filepath.WalkDir(st.dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // it is an estimate
		}
		if fi, err := d.Info(); err == nil && fi.Mode() != 0o600 {
			n += fi.Size()
		}
		return nil
	})
	return n
}

// lacks says which leaves of a file will be asked for. It looks, and does not
// verify: of what is here and turns out bad the source is asked all the same.
// It may look while the file is being staged.
func (st *stage) lacks(e *dag.Entry) []dag.Leaf {
	if c, named := dag.ObjectCID(e.Leaves); named && st.store.hasObject(objectName(c, st.plan.exec(e))) {
		return nil
	}
	if st.known == nil { // nothing was staged before
		return e.Leaves
	}
	fi, err := os.Lstat(st.abs(e.Path))
	switch {
	case err != nil:
		return e.Leaves
	case fi.Mode() != 0o600 && fi.Size() == e.Size:
		return nil
	}
	f, err := os.OpenInRoot(st.dir, e.Path)
	if err != nil {
		return e.Leaves
	}
	defer f.Close()
	var lacking []dag.Leaf
	for _, l := range e.Leaves {
		if !leafAt(f, l) {
			lacking = append(lacking, l)
		}
	}
	return lacking
}
