package index

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"ipp/store"
	"ipp/store/flock"
)

// Fault is something wrong with the index.
type Fault struct {
	Path string // below the store's directory, slash-separated
	Why  string
}

// Check compares the index on disk with its seal and with the store's files,
// and changes nothing: what is wrong, by file of the index. No index is no
// fault. Whoever opens it next makes a damaged one anew. While somebody writes
// it the error is a *flock.BusyError.
func Check(ctx context.Context, st *store.Store) ([]Fault, error) {
	return check(ctx, st, func(dir string) ([]Fault, error) {
		l, err := openLayer(dir, readOnly)
		if err != nil {
			return []Fault{{"index", err.Error()}}, nil
		}
		defer func() { _ = l.db.Close() }() // it only read
		return l.check(ctx, st)
	})
}

// Glance is Check without a look at what the index says: it is as it was closed.
func Glance(ctx context.Context, st *store.Store) ([]Fault, error) {
	return check(ctx, st, func(string) ([]Fault, error) { return nil, nil })
}

// check looks at the seal, then on where that is right.
func check(ctx context.Context, st *store.Store, on func(dir string) ([]Fault, error)) ([]Fault, error) {
	dir := dirOf(st)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	lock, err := flock.Acquire(ctx, mutexPath(st), flock.Shared, "", flock.Policy{NoWait: true})
	switch {
	case err == nil:
		defer lock.Release()
	case errors.As(err, new(*flock.BusyError)):
		return nil, err
	} // else nobody can write it either
	if faults, err := checkSeal(dir); err != nil || len(faults) > 0 {
		return faults, err
	}
	return on(dir)
}

// checkSeal names the files that are not as the seal says.
func checkSeal(dir string) ([]Fault, error) {
	text, err := readSeal(dir)
	if errors.Is(err, fs.ErrPermission) {
		return nil, err
	}
	if err != nil {
		return []Fault{{"index/" + sealName, "it can't be read, so the index is made anew: " + reason(err)}}, nil
	}
	body, ok := strings.CutPrefix(text, sealHeader)
	if !ok {
		return []Fault{{"index/" + sealName, "it does not begin with its format"}}, nil
	}
	said := map[string]string{}
	for line := range strings.Lines(body) {
		name, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		said[name] = rest
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var faults []Fault
	for _, e := range entries {
		if e.Name() == sealName {
			continue
		}
		rest, ok := said[e.Name()]
		delete(said, e.Name())
		if !ok {
			faults = append(faults, Fault{"index/" + e.Name(), "extra: the seal does not name it"})
			continue
		}
		sum, size, err := checksum(dir + "/" + e.Name())
		if errors.Is(err, fs.ErrPermission) {
			return nil, err
		}
		if err != nil {
			faults = append(faults, Fault{"index/" + e.Name(), reason(err)})
		} else if rest != fmt.Sprintf("%d\t%08x", size, sum) {
			faults = append(faults, Fault{"index/" + e.Name(), "contents changed"})
		}
	}
	for name := range said {
		faults = append(faults, Fault{"index/" + name, "missing"})
	}
	slices.SortFunc(faults, func(a, b Fault) int { return strings.Compare(a.Path, b.Path) })
	if len(faults) == 0 && !sealed(dir) {
		faults = []Fault{{"index/" + sealName, "it is not as it was written"}}
	}
	return faults, nil
}

// reason is an error without the path, which the fault names.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// check compares what is known of each tree with its files. What Describe told
// is not known here.
func (l *layer) check(ctx context.Context, st *store.Store) ([]Fault, error) {
	var faults []Fault
	var broken error // of the database
	read := 0
	for n, t := range l.trees {
		if s, err := st.Stamp(t.key); err != nil || s != t.stamp {
			continue // read anew by the next Open
		}
		wrong := false
		r := &recorder{tree: n, put: func(key, value []byte) error {
			if read++; read%bound == 0 {
				if broken = l.letGo(); broken != nil {
					return broken
				}
			}
			have, ok, err := l.get(key)
			if err != nil || !ok || !bytes.Equal(have, value) {
				wrong = true
			}
			return err
		}}
		_ = st.EachBlock(ctx, t.key, r.block) // what can't be read is not the index's fault
		if err := cmp.Or(broken, ctx.Err()); err != nil {
			return nil, err
		}
		if wrong {
			faults = append(faults, Fault{"index", fmt.Sprintf("it says something else of tree %s than its files", t.key)})
		}
	}
	slices.SortFunc(faults, func(a, b Fault) int { return strings.Compare(a.Why, b.Why) })
	return faults, nil
}
