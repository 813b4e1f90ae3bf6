package store

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/go-multierror"
	"golang.org/x/sync/errgroup"
)

// emptyTrash deletes what was renamed away. It runs without any hold: nothing
// links to the trash, and it is deleted name by name.
func (w *Sweep) emptyTrash(ctx context.Context) error {
	trash, err := os.OpenRoot(w.store.path("trash"))
	if err != nil {
		return err
	}
	defer trash.Close() // only removed from
	r := &remover{ctx: ctx}
	r.tasks.SetLimit(w.store.slots)
	for _, n := range w.trash {
		dir := w.store.path("trash", n)
		if slices.Contains(w.done.Kept, dir) {
			continue
		}
		if strings.HasPrefix(n, stagedPrefix) {
			w.done.Staged += weigh(dir)
		}
		r.entry(trash, n)
	}
	_ = r.tasks.Wait() // what failed is noted
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.bad.ErrorOrNil()
}

// remover removes directories with all that is in them, several at once: most of
// the time goes into the file system, which works on different directories side
// by side.
type remover struct {
	ctx   context.Context
	tasks errgroup.Group

	mu  sync.Mutex
	bad *multierror.Error
}

func (r *remover) note(err error) {
	if err == nil || isNotExist(err) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bad = multierror.Append(r.bad, err)
}

// entry removes name in dir, whatever it is: a symlink is removed, never followed.
func (r *remover) entry(dir *os.Root, name string) {
	fi, err := dir.Lstat(name)
	switch {
	case err != nil:
		r.note(err)
	case fi.IsDir():
		r.below(dir, name)
	default:
		r.note(dir.Remove(name))
	}
}

// inside removes all that is in dir. It returns when all of that is gone.
func (r *remover) inside(dir *os.Root) {
	f, err := dir.Open(".")
	if err != nil {
		r.note(err)
		return
	}
	entries, err := f.ReadDir(-1) // with types: nothing is asked about a file
	r.note(err)
	r.note(f.Close())
	var below sync.WaitGroup
	for _, e := range entries {
		if r.ctx.Err() != nil {
			break
		}
		if !e.IsDir() {
			r.note(dir.Remove(e.Name()))
			continue
		}
		below.Add(1)
		work := func() error {
			defer below.Done()
			r.below(dir, e.Name())
			return nil
		}
		if !r.tasks.TryGo(work) {
			_ = work() // it never fails
		}
	}
	below.Wait()
}

// below removes a directory in dir.
func (r *remover) below(dir *os.Root, name string) {
	sub, err := dir.OpenRoot(name)
	if err != nil {
		r.note(dir.RemoveAll(name))
		return
	}
	r.inside(sub)
	r.note(sub.Close())
	if r.ctx.Err() == nil {
		r.note(dir.Remove(name))
	}
}
