package profile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/store"
	"ipp/store/durable"
)

// State is what an edit changes.
type State struct {
	// From is the generation that it was read from; nil before the first one, and
	// of no meaning in what an edit makes.
	From   *generation.Generation
	Wishes *lock.Profile
	Lock   *lock.Lockfile

	// Save, if an edit sets it, puts a declarative profile's own files in
	// place. It runs under the mutex once the parent is known to be right, just
	// before the rename to N or before "nothing to do" is said; a crash after
	// it leaves the file ahead of the profile.
	Save func() error
}

// Edit makes a new state from an old one. It may run again, so it has no
// effect beyond leased contents of the store. Before it returns, every tree
// that the new state needs is in the store, and Members gives them.
type Edit func(ctx context.Context, old State) (State, []generation.Member, error)

// Check plans the forest that an update would build, and writes nothing.
func (p *Profile) Check(members []generation.Member, wishes *lock.Profile, st *store.Store) error {
	_, err := plan(members, wishes, st)
	return err
}

func plan(members []generation.Member, wishes *lock.Profile, st *store.Store) (*generation.Forest, error) {
	var prefer map[string]ref.Name
	if wishes != nil {
		prefer = wishes.Prefer
	}
	return generation.Plan(members, prefer, os.DirFS(filepath.Join(st.Dir(), "trees")))
}

// ErrMoved says that current is not the parent any more, or that a person edited the
// own files of a declarative profile: begin again.
var ErrMoved = errors.New("the current generation changed meanwhile")

// Update is the transaction: edit, forest, flip. It begins from what is current;
// known, which may be empty, is what the caller read of it, so that this is not
// read twice. The lease is released by the caller, after it reported success. A
// *LogError comes beside a change that stands.
func (p *Profile) Update(ctx context.Context, st *store.Store, l *store.Lease, why Reason, known State, edit Edit) (Change, error) {
	if err := p.Create(ctx, st); err != nil {
		return Change{}, err
	}
	for {
		u := update{p: p, st: st, lease: l, why: why, temp: p.path(tempPrefix + l.ID())}
		c, err := u.run(ctx, known, edit)
		if !errors.Is(err, ErrMoved) {
			return c, err
		}
	}
}

// update is one attempt at a transaction.
type update struct {
	p     *Profile
	st    *store.Store
	lease *store.Lease
	why   Reason
	temp  string // the forest while it is built

	parent  generation.Number
	old     State
	new     State
	members []generation.Member
}

func (u *update) run(ctx context.Context, known State, edit Edit) (Change, error) {
	if err := ctx.Err(); err != nil {
		return Change{}, err
	}
	if err := u.begin(known); err != nil {
		return Change{}, err
	}
	if err := u.edit(ctx, edit); err != nil {
		return Change{}, u.orMoved(err)
	}
	switch same, err := u.same(); {
	case err != nil:
		return Change{}, u.orMoved(err)
	case same:
		return u.nothing(ctx)
	}
	c, err := u.commit(ctx)
	if err != nil && c.To == 0 {
		err = errors.Join(err, os.RemoveAll(u.temp))
	}
	return c, err
}

// begin reads the parent, if it is not known.
func (u *update) begin(known State) error {
	n, err := u.p.CurrentNumber()
	if err == nil && known.From != nil && known.From.Number == n {
		u.old = known
	} else if u.old, err = u.p.State(); err != nil {
		return err
	}
	if u.old.From != nil {
		u.parent = u.old.From.Number
	}
	return nil
}

// State reads what a change begins from: the current generation, or nothing.
func (p *Profile) State() (State, error) {
	g, err := p.Current()
	if err != nil || g == nil {
		return State{Wishes: lock.NewProfile(), Lock: &lock.Lockfile{}}, err
	}
	wishes, err := lock.ParseProfile(filepath.Join(g.Dir, lock.ProfileName), g.Wishes)
	if err != nil {
		return State{}, fmt.Errorf("read generation %d of profile %s: %w", g.Number, p.name, err)
	}
	return State{From: g, Wishes: wishes, Lock: g.Lock}, nil
}

// edit runs the edit on a copy, so that what it changes in place is compared
// with what was there.
func (u *update) edit(ctx context.Context, edit Edit) (err error) {
	given := State{From: u.old.From, Wishes: u.old.Wishes.Clone(), Lock: &lock.Lockfile{Packages: slices.Clone(u.old.Lock.Packages)}}
	u.new, u.members, err = edit(ctx, given)
	if err != nil {
		return err
	}
	if u.new.Wishes == nil {
		u.new.Wishes = lock.NewProfile()
	}
	if u.new.Lock == nil {
		u.new.Lock = &lock.Lockfile{}
	}
	return nil
}

// same says whether the parent has the same lockfile and the same wishes. The
// lockfile is read again, for the edit may have changed what the old state refers
// to; mostly there are other wishes, and it need not be.
func (u *update) same() (bool, error) {
	if !u.new.Wishes.Equal(u.old.Wishes) {
		return false, nil
	}
	old := &lock.Lockfile{}
	if u.parent > 0 {
		g, err := u.p.read(u.parent)
		if err != nil {
			return false, err
		}
		old = g.Lock
	}
	return bytes.Equal(u.new.Lock.Encode(), old.Encode()), nil
}

// orMoved makes ErrMoved of an error that may only be there because the parent
// is not current any more, and so may have been collected.
func (u *update) orMoved(err error) error {
	if now, err2 := u.p.CurrentNumber(); err2 == nil && now != u.parent {
		return ErrMoved
	}
	return err
}

// nothing says "nothing to do", as durably as any change.
func (u *update) nothing(ctx context.Context) (Change, error) {
	err := u.p.locked(ctx, u.why.Command, u.confirm)
	if err != nil {
		return Change{}, err
	}
	return u.change(u.parent), nil
}

// confirm runs under the mutex: current is the parent, and stays it.
func (u *update) confirm() error {
	now, err := u.p.CurrentNumber()
	if err != nil {
		return err
	}
	if now != u.parent {
		return ErrMoved
	}
	if u.new.Save == nil {
		return nil
	}
	return u.p.do("save profile's own files", u.new.Save)
}

func (u *update) change(to generation.Number) Change {
	return Change{From: u.parent, To: to, Nothing: to == u.parent, Old: u.old.Lock, New: u.new.Lock}
}

// commit builds the forest, unlocked, and flips to it. The change has To set
// if and only if it stands.
func (u *update) commit(ctx context.Context) (c Change, err error) {
	if err := u.build(); err != nil {
		return Change{}, u.orMoved(err)
	}
	err = u.p.locked(ctx, u.why.Command, func() error {
		if err := u.confirm(); err != nil {
			return err
		}
		n, err := u.number()
		if err != nil {
			return err
		}
		if err := u.p.sync(); err != nil {
			return err
		}
		err = u.p.flip(u.entry(n))
		if logged := (*LogError)(nil); err == nil || errors.As(err, &logged) {
			c = u.change(n)
		}
		return err
	})
	return c, err
}

// entry is the log's line for the flip to generation n.
func (u *update) entry(n generation.Number) LogEntry {
	e := u.p.entry(u.parent, n, u.why)
	files, err := u.p.files(n)
	if err != nil {
		return e // it is only without what makes history quick
	}
	return e.making(files.bytes(), lock.Diff(u.old.Lock, u.new.Lock))
}

// build writes the forest and the files of the generation, and syncs them.
func (u *update) build() (err error) {
	forest, err := plan(u.members, u.new.Wishes, u.st)
	if err != nil {
		return err
	}
	g := &generation.Generation{
		Info:   generation.Info{Parent: u.parent, Time: u.p.now(), Reason: u.why.Command, Trees: forest.Trees()},
		Wishes: u.new.Wishes.Encode(),
		Lock:   u.new.Lock,
	}
	missing, err := u.lease.Missing(g.Info.Trees)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return &MissingTreesError{Trees: missing}
	}
	fs, err := durable.OpenFS(u.p.dir)
	if err != nil {
		return fmt.Errorf("build forest: %w", err)
	}
	defer fs.Close() // only synced through
	// An attempt before this one, with the same lease, may have left something.
	if err := os.RemoveAll(u.temp); err != nil {
		return fmt.Errorf("build forest: %w", err)
	}
	like := ""
	if u.parent > 0 {
		like = u.p.path(number(u.parent))
	}
	err = u.p.do("write forest", func() error { return generation.Write(u.temp, forest, g, like) })
	if err != nil {
		return err
	}
	return u.p.do("sync forest", func() error { return fs.Sync(u.temp) })
}

// number takes the next number by the rename to it.
func (u *update) number() (generation.Number, error) {
	l, err := u.p.names()
	if err != nil {
		return 0, err
	}
	n := l.highest() + 1
	err = u.p.do("rename forest", func() error { return durable.RenameNoReplace(u.temp, u.p.path(number(n))) })
	return n, err
}
