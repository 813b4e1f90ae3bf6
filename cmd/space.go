package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"ipp/cmd/term"
	"ipp/generation"
	"ipp/profile"
	"ipp/store"
	"ipp/store/dag"
)

const (
	// plenty is so much room that what can only be known by looking closely is
	// not looked at.
	plenty = 64 << 20
	// texts is what a change writes besides packages and links: a lease, roots,
	// mutexes, three files of a generation, a line of the log.
	texts, textFiles = 64 << 10, 16
)

// storeDisk is where the store is, or will be.
func (s *session) storeDisk() (string, error) {
	if s.st != nil {
		return s.st.Dir(), nil
	}
	d, err := s.a.set.dirs()
	return d.store, err
}

// checkSpace refuses work that the store's disk has no room for, before it
// begins, and makes the reserve where that is missing.
func (s *session) checkSpace(need store.Need) error {
	dir, err := s.storeDisk()
	if err != nil || need == (store.Need{}) {
		return err
	}
	need.Bytes, need.Files = need.Bytes+texts, need.Files+textFiles
	if err := checkRoom(s.verb, dir, need, store.ReserveIn(dir).Missing()); err != nil {
		return err
	}
	if !s.dryRun {
		s.fillReserve()
	}
	return nil
}

// fillReserve keeps back what gc needs on a full disk. It is made when a store
// is, and again where something took it.
func (s *session) fillReserve() {
	if s.st != nil {
		_ = s.st.Reserve().Fill() // there was room; if it is gone now, the next change tries again
	}
}

// checkRoom refuses a need that the disk of dir has no room for; kept of its
// bytes are not to be had.
func checkRoom(verb, dir string, need store.Need, kept int64) error {
	bytes, files, ok := store.Room(dir)
	if !ok {
		return nil // a full disk is told when it is
	}
	bytes = max(0, bytes-kept)
	var short error
	switch dir = existing(dir); {
	case need.Bytes > bytes:
		short = &noRoomError{fmt.Sprintf("this needs %s, and the disk of %s has %s left", term.Bytes(need.Bytes), dir, term.Bytes(bytes))}
	case need.Files > files:
		short = &noRoomError{fmt.Sprintf("this needs %s, and the disk of %s has room for %d more (inodes), whatever their size", plural(int(need.Files), "file"), dir, files)}
	default:
		return nil
	}
	return &failure{verb: verb, err: short}
}

// noRoomError is a full disk, known of before it is.
type noRoomError struct{ text string }

func (e *noRoomError) Error() string { return e.text }

// Unwrap gives the system's word for it.
func (e *noRoomError) Unwrap() error { return syscall.ENOSPC }

// existing is the first directory above dir that is there: what is not will be
// made there.
func existing(dir string) string {
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

// checkSpaces refuses a change that the disk of the store or that of the profile
// has no room for, where they are two; what takes away may use the reserve.
func (c *change) checkSpaces(need store.Need) error {
	dir, err := c.storeDisk()
	if err != nil {
		return err
	}
	if need == (store.Need{}) && c.verb == "remove" {
		return nil // it has the reserve, and is told when even that is too little
	}
	forest := forestNeed(c.prof, c.from)
	if store.SameDisk(existing(dir), existing(c.prof.Dir())) {
		return c.checkSpace(need.Plus(forest))
	}
	if err := c.checkSpace(need); err != nil {
		return err
	}
	reserve := c.a.profileReserve(filepath.Dir(filepath.Dir(c.prof.Dir())))
	if err := checkRoom(c.verb, c.prof.Dir(), forest, reserve.Missing()); err != nil {
		return err
	}
	if !c.dryRun {
		_ = reserve.Fill() // as in fillReserve
	}
	return nil
}

// profileReserve is the reserve of the disk that the profiles are on: the
// store's, or, where that is on another disk, one in the state directory.
func (a *app) profileReserve(state string) store.Reserve {
	link := filepath.Join(state, storeLink)
	if store.SameDisk(link, state) {
		return store.ReserveIn(link)
	}
	return store.ReserveIn(state)
}

// forestNeed is what the next generation takes: about as much as the current
// one. Nothing where there is plenty of room.
func forestNeed(p *profile.Profile, current generation.Number) (n store.Need) {
	n = store.Need{Bytes: texts, Files: textFiles}
	if bytes, files, ok := store.Room(p.Dir()); !ok || current == 0 || bytes > plenty && files > plenty>>10 {
		return n
	}
	top := filepath.Join(p.Dir(), strconv.Itoa(int(current)))
	_ = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // what can't be read is not counted
		}
		n.Name(d.Name())
		switch {
		case d.IsDir():
			n.Dir()
		case d.Type() == fs.ModeSymlink:
			target, _ := os.Readlink(path)
			n.Symlink(target)
		default:
			if fi, err := d.Info(); err == nil {
				n.File(fi.Size())
			}
		}
		return nil
	})
	return n
}

// checkCAR refuses to write a CAR file where there is no room for it. Only where
// it would be a close thing its size is found out to the byte.
func (s *session) checkCAR(ctx context.Context, path string, o *opened, opt dag.WalkOptions) error {
	dir := filepath.Dir(path)
	bytes, _, ok := store.Room(dir)
	if !ok || bytes/2 > int64(o.pkg.DagSize)+plenty {
		return nil
	}
	var size counter
	if err := dag.WriteCAR(ctx, &size, o.src, o.pkg.Root, opt, nil); err != nil {
		return err
	}
	var need store.Need
	need.File(int64(size))
	err := checkRoom(s.verb, dir, need, 0)
	if short := (*failure)(nil); errors.As(err, &short) {
		short.hints = []string{"free some space there, or write it to another disk: -o FILE"}
	}
	return err
}

// counter counts what is written.
type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// flip carries the change out. What takes away has the reserve for that; what
// brings has been told how much room there is.
func (c *change) flip(ctx context.Context) (done profile.Change, err error) {
	update := func() (profile.Change, error) {
		return c.prof.Update(ctx, c.st, c.lease, profile.Reason{Command: c.reason}, c.old, c.update)
	}
	if c.verb != "remove" {
		return update()
	}
	return spend(c.a.profileReserve(filepath.Dir(filepath.Dir(c.prof.Dir()))), update)
}

// spend makes a change with the room of the reserve. One that was made is never
// made again, whatever came after.
func spend(r store.Reserve, change func() (profile.Change, error)) (done profile.Change, err error) {
	failed := r.Spend(func() error {
		done, err = change()
		var flipped *profile.FlipError
		var unlogged *profile.LogError
		if errors.As(err, &flipped) || errors.As(err, &unlogged) {
			return nil
		}
		return err
	})
	if err == nil {
		err = failed
	}
	return done, err
}
