package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"ipp/store/dag"
	"ipp/store/durable"

	"github.com/hashicorp/go-multierror"
)

// OpenToCheck opens the store at dir as it is, so that it can be checked and
// repaired: it makes nothing, and a damaged file format is left to Check. One
// that a newer ipp wrote is refused.
func OpenToCheck(dir string, opt Options) (*Store, error) {
	s := storeAt(dir, opt)
	if err := s.checkFormat(); errors.Is(err, ErrNewer) {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	s.dir = real
	return s, nil
}

// ours are the names at the top of a store.
func ours() []string {
	return []string{"format", "objects", "trees", "staging", "leases", "roots", "trash", "reserve", "gc", "sweep", "index", "index.mutex"}
}

// checkRest looks at all but objects and trees.
func (c *checking) checkRest(ctx context.Context) error {
	for _, look := range []func() error{c.checkFormat, c.checkTop, c.checkRoots, c.checkLeases, c.checkStaging, c.checkTrash} {
		if err := errors.Join(ctx.Err(), look()); err != nil {
			return err
		}
	}
	return nil
}

func (c *checking) checkFormat() error {
	err := c.store.checkFormat()
	if err == nil {
		data, rerr := durable.ReadFile(c.store.path("format"), maxFormat)
		if err = rerr; err == nil && string(data) != formatText() {
			err = fmt.Errorf("it says %q, not %q", data, formatText())
		}
	}
	switch {
	case err == nil:
	case isNotExist(err):
		c.harm(FormatDamage, "format", "missing")
	case unread(err):
		return c.unreadable("format", err)
	default:
		c.harm(FormatDamage, "format", strings.TrimPrefix(err.Error(), "file format is damaged: "))
	}
	return nil
}

// checkTop looks for names at the top that don't belong there.
func (c *checking) checkTop() error {
	names, err := readNames(c.store.dir)
	if err != nil {
		return c.unreadable(".", err)
	}
	for _, n := range names {
		if !slices.Contains(ours(), n) && !durable.IsTemp(n) {
			c.note(n, "not ipp's: remove it by hand")
		}
	}
	return nil
}

func (c *checking) checkRoots() error {
	names, err := readNames(c.store.path("roots"))
	if err != nil && !isNotExist(err) {
		return c.unreadable("roots", err)
	}
	for _, n := range names {
		if durable.IsTemp(n) {
			continue
		}
		r, err := readRoot(c.store.path("roots", n))
		switch {
		case err == nil:
			c.found.Roots = append(c.found.Roots, r)
			c.checkKept(n, r)
		case isNotExist(err): // forgotten meanwhile
		case unread(err):
			err = c.unreadable("roots/"+n, err)
		default:
			c.harm(RootDamage, "roots/"+n, rootWhy(err))
		}
		if unread(err) {
			return err
		}
	}
	if len(names) == 0 {
		c.harm(RootDamage, "roots", "there are no roots, so nothing would be kept")
	}
	return nil
}

func rootWhy(err error) string {
	if e, ok := errors.AsType[*RootError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// checkLeases looks at the leases that somebody holds. The others end with the
// next gc, whatever is in them.
func (c *checking) checkLeases() error {
	leases, err := c.store.Leases()
	if err != nil {
		return c.unreadable("leases", err)
	}
	for _, l := range leases {
		if l.All && !l.Untold {
			c.note("leases/"+l.ID, "it can't be read, so it keeps everything from ipp gc until its process has ended")
		}
	}
	ours := regexp.MustCompile(`^[0-9]+-[0-9]+-[0-9a-f]{12}$`) // as leaseID makes them
	return c.checkStrays("leases", ours.MatchString)
}

// checkStrays notes what has no business in a directory: isOurs knows names of
// ours, all of which are regular files or, in staging, directories.
func (c *checking) checkStrays(dir string, isOurs func(name string) bool) error {
	entries, err := os.ReadDir(c.store.path(dir))
	if err != nil {
		return c.unreadable(dir, err)
	}
	for _, e := range entries {
		odd := !e.Type().IsRegular() && (dir == "leases" || !e.IsDir())
		if !durable.IsTemp(e.Name()) && (odd || !isOurs(e.Name())) {
			c.note(dir+"/"+e.Name(), "not ipp's: remove it by hand")
		}
	}
	return nil
}

func isStaged(name string) bool {
	for _, suffix := range []string{".mutex", ".car", ".objects"} {
		name = strings.TrimSuffix(name, suffix)
	}
	_, err := ParseKey(name)
	return err == nil
}

func (c *checking) checkStaging() error {
	leases, err := c.store.Leases()
	if err != nil {
		return c.unreadable("leases", err)
	}
	staged, err := c.store.Staged(leases)
	if err != nil {
		return c.unreadable("staging", err)
	}
	if err := c.checkStrays("staging", isStaged); err != nil {
		return err
	}
	for _, st := range staged {
		if st.Bytes > 0 {
			c.found.Notes = append(c.found.Notes, Note{"staging/" + st.Key.String(),
				"unfinished work: the same command again goes on, ipp gc deletes it", st.Bytes})
		}
	}
	return nil
}

func (c *checking) checkTrash() error {
	names, err := readNames(c.store.path("trash"))
	if err != nil {
		return c.unreadable("trash", err)
	}
	if len(names) > 0 {
		what := "1 tree: ipp gc deletes it, unless a program uses it"
		if len(names) > 1 {
			what = fmt.Sprintf("%d trees: ipp gc deletes those that no program uses", len(names))
		}
		c.note("trash", "%s", what)
	}
	return nil
}

func formatText() string { return fmt.Sprintf("%d\n", formatVersion) }

// RepairDirs makes the directories that are missing.
func (s *Store) RepairDirs() error { return s.makeDirs() }

// RepairFormat writes the file format anew. Only a store whose format is
// damaged needs it: one that says a newer version never is.
func (s *Store) RepairFormat(ctx context.Context) error {
	if err := s.checkFormat(); errors.Is(err, ErrNewer) {
		return fmt.Errorf("repair format: %w", err)
	}
	sweep, err := s.sharedSweep(ctx, "repair format")
	if err != nil {
		return fmt.Errorf("repair format: %w", err)
	}
	defer sweep.Release()
	if err := errors.Join(s.clearWay(s.path("format")), durable.WriteFile(s.path("format"), []byte(formatText()), 0o644)); err != nil {
		return fmt.Errorf("repair format: %w", err)
	}
	return nil
}

// DropOrphans removes damaged objects, files below the store's directory that
// Check told of, unless a tree names them by now: under sweep, exclusively,
// because who publishes may be about to put a good one there. It collects nothing
// else: what programs run from the trash, only gc looks.
func (s *Store) DropOrphans(ctx context.Context, files ...string) error {
	c, err := s.Collect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.hold(ctx, func() error { return s.dropOrphans(ctx, files) })
}

func (s *Store) dropOrphans(ctx context.Context, files []string) error {
	keys, err := s.Trees()
	lost, lerr := s.Lost()
	if err := errors.Join(err, lerr); err != nil {
		return err
	}
	held := map[string]bool{}
	for i, k := range slices.Concat(keys, lost) {
		err := s.eachFile(k, func(f FileInfo) error {
			held[f.Object] = true
			return nil
		})
		if err != nil && i < len(keys) {
			return err
		}
	}
	var bad *multierror.Error
	for _, file := range files {
		k, err := parseObjectKey(filepath.Base(file))
		if err != nil || held[k.name()] {
			continue
		}
		if why, err := s.checkObject(ctx, k, s.pool, nil); err != nil || why == "" {
			bad = multierror.Append(bad, err)
			continue
		}
		bad = multierror.Append(bad, s.dropOrphan(s.path(filepath.FromSlash(file))))
	}
	return bad.ErrorOrNil()
}

func (s *Store) dropOrphan(path string) error {
	if fi, err := os.Lstat(path); err == nil && fi.IsDir() {
		return s.putAway(path)
	}
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// RepairRoot writes a damaged root of a kept package anew: its name says which
// one. That of a profile is for whoever knows where the profile is, see AddRoot.
func (s *Store) RepairRoot(ctx context.Context, file, why string, now time.Time) (bool, error) {
	name, ok := strings.CutPrefix(filepath.Base(file), "k-")
	if !ok {
		return false, nil
	}
	c, ok := dag.ParseCIDText(name)
	if !ok {
		return false, nil
	}
	return true, s.AddRoot(ctx, Root{Kind: KeptRoot, CID: c, Why: why, Since: now})
}
