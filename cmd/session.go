package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"ipp/lock"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store"
	"ipp/store/dag"
	"ipp/store/durable"

	multierror "github.com/hashicorp/go-multierror"
	"github.com/ipfs/go-cid"
)

// storeLink is the one absolute link, below the state directory.
const storeLink = "store"

// openProfile names the profile that this run is about; it reads nothing.
func (a *app) openProfile() (*profile.Profile, error) {
	name, err := a.profileName()
	if err != nil {
		return nil, err
	}
	d, err := a.set.dirs()
	if err != nil {
		return nil, err
	}
	return a.profileAt(name, d.state), nil
}

func (a *app) profileAt(name ref.Name, state string) *profile.Profile {
	host, err := os.Hostname()
	if err != nil {
		host = "" // the log says who and what without it
	}
	return profile.Open(name, profile.Options{State: state, Wait: a.wait(), Now: a.now, User: a.set.user, Host: host})
}

// openStore opens the store behind the link. Where there is none it is made, or,
// without create, nil: then nothing is known and nothing is written.
func (a *app) openStore(create bool) (*store.Store, error) {
	d, err := a.set.dirs()
	if err != nil {
		return nil, err
	}
	link := filepath.Join(d.state, storeLink)
	dir, err := a.storeDir(link, d)
	linked := err == nil
	if errors.Is(err, fs.ErrNotExist) {
		dir, err = d.store, nil
	}
	if err != nil {
		return nil, failed("open", "store", err)
	}
	_, err = os.Stat(filepath.Join(dir, "format"))
	switch missing := errors.Is(err, fs.ErrNotExist); {
	case missing && hasTrees(dir): // store.Open says what is wrong
	case missing && linked:
		return nil, lostStore(link, dir)
	case missing && !create:
		return nil, nil
	}
	st, err := a.makeStore(dir, d)
	if err == nil && create && !linked {
		err = a.linkStore(link, st.Dir(), d)
	}
	return st, failed("open", "store", err)
}

func lostStore(link, dir string) error {
	return &failure{verb: "open", object: "store", code: exitFailed, err: fmt.Errorf("%s points to %s, and there is none", link, dir),
		hints: []string{"if it is on another disk, mount that", "if it is gone for good, remove the link and install again: rm " + quote(link)}}
}

func hasTrees(dir string) bool {
	trees, err := os.ReadDir(filepath.Join(dir, "trees"))
	return err == nil && len(trees) > 0
}

// makeStore opens a store, and makes it where there is none. The default
// profile's directory comes first, because the store is born with that directory
// as its root, and a root whose directory is missing is damage.
func (a *app) makeStore(dir string, d dirs) (*store.Store, error) {
	first := store.Root{Kind: store.ProfileRoot, Path: a.profileAt(defaultProfile, d.state).Dir(), Why: "profile", Since: a.now()}
	if _, err := os.Stat(filepath.Join(dir, "format")); err != nil {
		if err := durable.MkdirAll(first.Path, 0o755); err != nil {
			return nil, err
		}
	}
	return store.Open(dir, store.Options{Wait: a.wait(), Now: a.now, First: first})
}

// storeDir follows the link; what IPP_STORE says must not contradict it.
func (a *app) storeDir(link string, d dirs) (string, error) {
	target, err := os.Readlink(link)
	if err != nil {
		if info, statErr := os.Lstat(link); statErr == nil && info.Mode().Type() != fs.ModeSymlink {
			err = &durable.ForeignError{Path: link, Why: "it is not a symlink"}
		}
		return "", err
	}
	if !filepath.IsAbs(target) { // somebody else made it; it counts from where it lies
		target = filepath.Join(d.state, target)
	}
	if a.set.store != "" && !sameDir(target, d.store) {
		return "", &failure{verb: "use", object: "IPP_STORE", code: exitFailed,
			err:   fmt.Errorf("it says %s, but %s points to %s", d.store, link, target),
			hints: []string{"unset IPP_STORE, or move the store and change that one link"}}
	}
	return target, nil
}

func sameDir(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	fa, errA := os.Stat(a)
	fb, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(fa, fb)
}

// linkStore makes the link, when the store is there: a link to nothing would be
// a store that was lost.
func (a *app) linkStore(link, dir string, d dirs) error {
	if err := durable.MkdirAll(d.state, 0o755); err != nil {
		return err
	}
	err := durable.Symlink(dir, link)
	if errors.Is(err, fs.ErrExist) { // somebody else was faster
		_, err = a.storeDir(link, d)
		return err
	}
	if err != nil {
		return err
	}
	return durable.SyncDir(d.state)
}

// session is one command's hold on the store: a lease, taken before anything is
// looked up, and whatever was opened on the way.
type session struct {
	a     *app
	verb  string
	st    *store.Store // nil: there is none yet, see create
	lease *store.Lease // nil with st, or where the store can't be written
	// dryRun: nothing is written but the lease.
	dryRun bool

	unleased error // why there is no lease

	net     fetching
	closers []func() error
	opened  []*opened // from outside the store, or under another name
	stored  []stored  // see packages
	scanned bool
	// Trees are immutable, and what was read of one is leased: once is enough.
	fromStore    map[cid.Cid]*opened           // see openStored
	texts        map[cid.Cid][]byte            // package.toml of each stored package, see named
	candidatesOf map[ref.Name][]lock.Candidate // all that was last known of a name, see known
}

// begin opens a session. It makes no store, so that a command that fails leaves
// nothing behind.
func (a *app) begin(ctx context.Context, verb string) (*session, error) {
	st, err := a.openStore(false)
	if err != nil {
		return nil, err
	}
	s := &session{a: a, verb: verb}
	return s, s.use(ctx, st)
}

// create makes the store where there is none yet. Only before the first write:
// all that can be checked was checked.
func (s *session) create(ctx context.Context) error {
	if s.st != nil {
		return nil
	}
	if err := s.a.checkPlaces(); err != nil {
		return err
	}
	st, err := s.a.openStore(true)
	if err != nil {
		return err
	}
	if err := s.use(ctx, st); err != nil {
		return err
	}
	s.fillReserve()
	for _, o := range s.opened {
		if err := s.protect(ctx, o.pkg.Root); err != nil {
			return err
		}
	}
	return nil
}

// use takes the lease on a store, which may be nil.
func (s *session) use(ctx context.Context, st *store.Store) (err error) {
	if st == nil {
		return nil
	}
	s.st, s.scanned, s.texts = st, false, nil
	s.lease, err = st.Lease(ctx, "ipp "+s.verb)
	if err != nil && s.reads() && cantWrite(err) {
		s.unleased, err = failed(s.verb, "", err), nil
	}
	return failed(s.verb, "", err)
}

// reads says whether the command only reads the store.
func (s *session) reads() bool {
	return slices.Contains([]string{"check", "export", "publish", "run", "show", "verify"}, s.verb)
}

// cantWrite says that a store can't be written by us, so that there is no lease
// to be had. Reading goes on without: on a file system that is mounted read-only
// nobody collects, and a directory of somebody else's only its owner. What he
// collects meanwhile is then missing, and said to be; it is never taken for
// something else, because every block is hashed. A program that was started and
// opens more files later may miss them: a store belongs to one user.
func cantWrite(err error) bool {
	return errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission)
}

// writes is the error of who needs a lease after all.
func (s *session) writes() error {
	if s.st != nil && s.lease == nil {
		return s.unleased
	}
	return nil
}

// plan finds out what bringing a part of a package into the store takes; where
// there is no store yet, everything is new.
func (s *session) plan(ctx context.Context, w store.Want, src dag.Blocks) (*store.Plan, error) {
	w.Verify = true
	if s.st == nil {
		return store.Measure(ctx, w, src)
	}
	return s.st.Plan(ctx, w, src)
}

// close ends the lease and closes what was opened. Only after success was
// reported.
func (s *session) close() error {
	var all *multierror.Error
	for _, c := range s.closers {
		all = multierror.Append(all, c())
	}
	if s.lease != nil {
		all = multierror.Append(all, s.lease.Release())
	}
	return all.ErrorOrNil()
}

// protect leases packages before they are looked for.
func (s *session) protect(ctx context.Context, roots ...cid.Cid) error {
	if s.lease == nil {
		return nil
	}
	return s.lease.Add(ctx, roots...)
}
