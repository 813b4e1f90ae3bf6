package profile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"ipp/generation"
	"ipp/store"
	"ipp/store/durable"
)

// Rebuild puts a damaged generation back: its three files as they are given, and
// the forest as planned from them, built aside and swapped in: see swap. What
// was there goes. A generation that is gone by then stays gone.
func (p *Profile) Rebuild(ctx context.Context, st *store.Store, l *store.Lease, x *generation.Examined, members []generation.Member) error {
	forest, err := plan(members, x.Asked, st)
	if err != nil {
		return err
	}
	temp := p.path(tempPrefix + l.ID())
	disk, err := durable.OpenFS(p.dir)
	if err != nil {
		return fmt.Errorf("rebuild generation %d: %w", x.Number, err)
	}
	defer disk.Close() // only synced through
	if err := os.RemoveAll(temp); err != nil {
		return fmt.Errorf("rebuild generation %d: %w", x.Number, err)
	}
	err = p.do("write forest", func() error { return generation.Write(temp, forest, &x.Generation, "") })
	if err == nil {
		err = p.do("sync forest", func() error { return disk.Sync(temp) })
	}
	if err == nil {
		err = p.locked(ctx, "check", func() error { return p.swap(temp, x.Number) })
	}
	if err := errors.Join(err, os.RemoveAll(temp)); err != nil {
		return fmt.Errorf("rebuild generation %d: %w", x.Number, err)
	}
	return nil
}

// swap puts temp in the place of generation n. Where the file system can't swap,
// it does so name by name: at no time is there no generation n, or one without a
// file that it had, since gc would take n for gone, and temp for rubbish.
func (p *Profile) swap(temp string, n generation.Number) error {
	dir := p.path(number(n))
	if p.absent(number(n)) {
		return p.noGeneration(n)
	}
	err := p.do("swap forest", func() error { return durable.Exchange(temp, dir) })
	if errors.Is(err, errors.ErrUnsupported) {
		err = p.do("mend forest", func() error { return durable.Mend(temp, dir) })
	}
	if err != nil {
		return err
	}
	return p.sync()
}

// RepairPointer makes current lead where the log's last line says, if it leads
// nowhere: the log is the only one to know. false: the log does not say, or says
// a generation that is not there.
func (p *Profile) RepairPointer(ctx context.Context) (to generation.Number, err error) {
	err = p.locked(ctx, "check", func() error {
		if n, err := p.CurrentNumber(); err == nil && n != 0 && !p.absent(number(n)) {
			to = n
			return nil // somebody was faster
		}
		last := p.lastLogged()
		if last == 0 || p.absent(number(last)) {
			return nil
		}
		if err := p.clear("current"); err != nil {
			return err
		}
		err := p.do("replace current", func() error { return durable.ReplaceSymlink(number(last), p.path("current")) })
		if err == nil {
			to, err = last, p.sync()
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("repair current of profile %s: %w", p.name, err)
	}
	return to, nil
}

// clear removes what has the name of a link or file of ours and is none; a
// directory only where it is empty.
func (p *Profile) clear(name string) error {
	fi, err := os.Lstat(p.path(name))
	if errors.Is(err, fs.ErrNotExist) || err == nil && fi.Mode().Type() == fs.ModeSymlink {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Remove(p.path(name))
}
