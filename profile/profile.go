// Package profile is a user's named history of generations, the pointer to the
// current one, and the transaction that changes it.
//
// On disk, below the state directory (design: Store on disk):
//
//	profiles/NAME/N/        generations, see package generation
//	profiles/NAME/N.gone    pruned; its name keeps the number N from being used again
//	profiles/NAME/tmp.LEASE a forest being built
//	profiles/NAME/current   -> N
//	profiles/NAME/log       one JSON line a flip
//	profiles/NAME/mutex     exclusion between those who flip or prune
//	profiles/NAME/follows   -> the directory of a declarative profile's own files
//	store                   -> the store, the one absolute link
//
// Invariants (the order of fsyncs is design.md's "Commit", model-checked in
// tests/model; change the model first).
//
//   - current always points to a whole generation, whose trees are in the store.
//   - The rename to N takes the number; numbers are never used twice, because
//     the highest N or N.gone is never removed.
//   - Success, "nothing to do" included, is reported only after an fsync of the
//     profile's directory under the mutex.
//   - The profile's root in the store and the store link are durable before its
//     first generation.
//   - Rollback goes to the parent of the current generation, not to N-1.
//
// An error before the flip leaves current, every generation and the log as they
// were. A crash or a failed fsync between the rename to N and the flip leaves N
// behind: an ordinary generation that was never current.
//
// Concurrency: safe between goroutines and processes. Update builds its forest
// unlocked, then compares current under the mutex and begins again if it moved,
// so an edit may run several times. One lease is for one Update at a time.
// Reading takes no mutex: a generation never changes, and one that is pruned
// while it is read counts as gone.
package profile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ipp/lock/ref"
	"ipp/store"
	"ipp/store/durable"
	"ipp/store/flock"
)

// Options of a Profile.
type Options struct {
	State string // $XDG_STATE_HOME/ipp
	Wait  flock.Policy
	Now   func() time.Time // time.Now where nil
	User  string           // for the log
	Host  string           // for the log
}

// Profile is one profile; it need not exist on disk yet.
type Profile struct {
	name ref.Name
	opt  Options
	dir  string

	// fault sees every durable step before it is taken and may refuse it; it
	// is nil but in tests.
	fault func(step string) error
}

// Open names the profile; it reads and writes nothing.
func Open(name ref.Name, opt Options) *Profile {
	if abs, err := filepath.Abs(opt.State); err == nil {
		opt.State = abs
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &Profile{name: name, opt: opt, dir: filepath.Join(opt.State, "profiles", string(name))}
}

// List lists the profiles below a state directory.
func List(state string) ([]ref.Name, error) {
	names, _, err := list(state)
	return names, err
}

// Strangers lists what lies among the profiles and is none, by path.
func Strangers(state string) ([]string, error) {
	_, others, err := list(state)
	return others, err
}

func list(state string) (names []ref.Name, others []string, err error) {
	dir := filepath.Join(state, "profiles")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("list profiles: %w", err)
	}
	for _, e := range entries {
		if name, err := ref.ParseName(e.Name()); err == nil && e.IsDir() {
			names = append(names, name)
		} else {
			others = append(others, filepath.Join(dir, e.Name()))
		}
	}
	return names, others, nil
}

// Dir is the profile's directory, that of its store root.
func (p *Profile) Dir() string { return p.dir }

// Name is the profile's name.
func (p *Profile) Name() ref.Name { return p.name }

// Exists says whether the profile has a directory. It need not have a
// generation.
func (p *Profile) Exists() (bool, error) {
	info, err := os.Stat(p.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look for profile %s: %w", p.name, err)
	case !info.IsDir():
		return false, fmt.Errorf("look for profile %s: %w", p.name, &durable.ForeignError{Path: p.dir, Why: "it is not a directory"})
	}
	return true, nil
}

// Create makes durable what a profile needs before its first generation: its
// directory, the store link, and its root in the store. What is there already
// stays. Update does the same, so that a root that was forgotten comes back.
//
// The directory comes before the root: a root without a directory is damage to
// gc, while a directory without a root holds nothing yet.
func (p *Profile) Create(ctx context.Context, st *store.Store) error {
	err := p.do("make profile's directory", func() error { return durable.MkdirAll(p.dir, 0o755) })
	if err != nil {
		return err
	}
	if err := p.linkStore(st.Dir()); err != nil {
		return err
	}
	return p.do("add profile's root", func() error { return p.addRoot(ctx, st) })
}

// addRoot makes the profile's root durable, and those of the profiles beside it:
// where a store lost roots, that of one profile alone would let gc believe there
// are no others.
func (p *Profile) addRoot(ctx context.Context, st *store.Store) error {
	names, err := List(p.opt.State)
	if err != nil {
		return err
	}
	names = append(names, p.name)
	roots := make([]store.Root, len(names))
	for i, name := range names {
		roots[i] = store.Root{
			Kind:  store.ProfileRoot,
			Path:  filepath.Join(filepath.Dir(p.dir), string(name)),
			Why:   "profile " + string(name),
			Since: p.now(),
		}
	}
	return st.AddRoot(ctx, roots...)
}

// linkStore makes the store link, or checks the one that is there.
func (p *Profile) linkStore(dir string) error {
	link := filepath.Join(p.opt.State, "store")
	err := p.do("make store link", func() error { return durable.Symlink(dir, link) })
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err != nil {
		if err := checkStoreLink(link, dir); err != nil {
			return err
		}
	}
	// Also where the link was found: who made it may not have got so far.
	return p.do("sync state directory", func() error { return durable.SyncDir(p.opt.State) })
}

// checkStoreLink says whether link leads to the store at dir.
func checkStoreLink(link, dir string) error {
	target, err := os.Readlink(link)
	if err == nil && target == dir {
		return nil
	}
	if real, err := filepath.EvalSymlinks(link); err == nil && real == dir {
		return nil
	}
	if err != nil {
		target = link // not a link at all
	}
	return &StoreLinkError{Link: link, Target: target, Store: dir}
}

// do takes one durable step; its name begins the error.
func (p *Profile) do(step string, f func() error) error {
	if p.fault != nil {
		if err := p.fault(step); err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
	}
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	return nil
}

// sync fsyncs the profile's directory.
func (p *Profile) sync() error {
	return p.do("sync profile's directory", func() error { return durable.SyncDir(p.dir) })
}

func (p *Profile) path(name string) string { return filepath.Join(p.dir, name) }

// now is in UTC, and a file shows no more than its seconds.
func (p *Profile) now() time.Time { return p.opt.Now().UTC().Truncate(time.Second) }
