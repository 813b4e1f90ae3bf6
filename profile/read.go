package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"ipp/generation"
	"ipp/lock"

	"github.com/hashicorp/go-multierror"
)

// CurrentNumber reads the pointer alone; 0 where there is none yet.
func (p *Profile) CurrentNumber() (generation.Number, error) {
	target, err := os.Readlink(p.path("current"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if errors.Is(err, fs.ErrInvalid) || errors.Is(err, syscall.EINVAL) {
		return 0, &PointerError{p.path("current"), "it is no symlink"}
	}
	if err != nil {
		return 0, fmt.Errorf("read current of profile %s: %w", p.name, err)
	}
	n, ok := parseNumber(target)
	if !ok {
		return 0, &PointerError{p.path("current"), fmt.Sprintf("it leads to %q, which is not a generation", target)}
	}
	return n, nil
}

// Lost is a *PointerError where there is no pointer, though the log tells of
// one: what then looks like a profile without generations is none.
func (p *Profile) Lost() error {
	if n, err := p.CurrentNumber(); n != 0 || err != nil {
		return err
	}
	numbers, err := p.Numbers()
	if err != nil || len(numbers) == 0 || p.lastLogged() == 0 {
		return err
	}
	return &PointerError{p.path("current"), "it is lost: there are generations, and none is current"}
}

// Current reads the current generation; nil where there is none yet.
func (p *Profile) Current() (*generation.Generation, error) {
	for {
		n, err := p.CurrentNumber()
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, p.Lost()
		}
		g, err := p.read(n)
		if err == nil {
			return g, nil
		}
		// Only what is not current is pruned: did it move meanwhile?
		if now, err2 := p.CurrentNumber(); err2 == nil && now != n {
			continue
		}
		return nil, err
	}
}

// Numbers lists the generations on disk, the lowest first, without reading any;
// none where there is no profile yet.
func (p *Profile) Numbers() ([]generation.Number, error) {
	l, err := p.names()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return l.numbers, err
}

// Each goes through the generations on disk, the lowest number first, one at a
// time, so that a long history takes no more memory than a short one: one that
// seen answers true for is not read, any other is read and handed to visit. seen
// gets the files as they are, visit as they were just before they were read. An
// error names each generation that can't be read or that visit refuses.
func (p *Profile) Each(seen func(generation.Number, Files) bool, visit func(*generation.Generation, Files) error) error {
	l, err := p.names()
	if err != nil {
		return err
	}
	var bad *multierror.Error
	for _, n := range l.numbers {
		files, err := p.files(n)
		if err == nil && seen(n, files) {
			continue
		}
		g, err := p.read(n)
		switch {
		case err == nil:
			if err := visit(g, files); err != nil {
				bad = multierror.Append(bad, &DamagedError{p.name, n, g.Dir, err})
			}
		case p.absent(number(n)): // pruned meanwhile
		default:
			bad = multierror.Append(bad, err)
		}
	}
	return bad.ErrorOrNil()
}

// Get reads one generation; a *NoGenerationError, which Is fs.ErrNotExist,
// where there is none.
func (p *Profile) Get(n generation.Number) (*generation.Generation, error) {
	g, err := p.read(n)
	if err != nil && p.absent(number(n)) {
		return nil, p.noGeneration(n)
	}
	return g, err
}

func (p *Profile) read(n generation.Number) (*generation.Generation, error) {
	g, err := generation.Read(p.path(number(n)), n)
	if err != nil {
		return nil, &DamagedError{p.name, n, p.path(number(n)), err}
	}
	return g, nil
}

// Untouched says whether the files of the generation that e made, which are never
// written again, are there, of the size that they had, and no newer than the
// flip. Where it is false they may be right all the same: a copy is newer.
func (p *Profile) Untouched(e LogEntry) bool {
	end := e.Time.Add(time.Second) // what is written down has no fractions
	files, err := p.files(e.To)
	return err == nil && files.bytes() == e.Bytes && files.newest().Before(end)
}

// Files are what a look at the three files of a generation, without reading
// them, tells.
type Files [3]fs.FileInfo

// Same says whether both looks found the same files, not written in between. It
// is false where either found none.
func (f Files) Same(o Files) bool {
	for i, a := range f {
		b := o[i]
		if a == nil || b == nil || !os.SameFile(a, b) || a.Size() != b.Size() || !a.ModTime().Equal(b.ModTime()) {
			return false
		}
	}
	return true
}

// bytes says how large they are together.
func (f Files) bytes() (total int64) {
	for _, info := range f {
		total += info.Size()
	}
	return total
}

// newest says when the newest was written.
func (f Files) newest() (newest time.Time) {
	for _, info := range f {
		if info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	return newest
}

// files looks at the three files of generation n.
func (p *Profile) files(n generation.Number) (f Files, err error) {
	for i, name := range [...]string{generation.InfoName, lock.LockName, lock.ProfileName} {
		info, err := os.Lstat(filepath.Join(p.path(number(n)), name))
		if err != nil {
			return Files{}, err
		}
		if !info.Mode().IsRegular() {
			return Files{}, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
		}
		f[i] = info
	}
	return f, nil
}

func (p *Profile) absent(name string) bool {
	_, err := os.Lstat(p.path(name))
	return errors.Is(err, fs.ErrNotExist)
}

// noGeneration explains why generation n is not there.
func (p *Profile) noGeneration(n generation.Number) error {
	l, err := p.names()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// A name that was removed altogether is below the highest one.
	gone := n >= 1 && n <= l.highest() && !slices.Contains(l.numbers, n)
	return &NoGenerationError{Number: n, Gone: gone, Has: l.numbers}
}
