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

// Current reads the current generation; nil where there is none yet.
func (p *Profile) Current() (*generation.Generation, error) {
	for {
		n, err := p.CurrentNumber()
		if n == 0 || err != nil {
			return nil, err
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

// Generations reads all generations on disk, the lowest number first. An error
// names each one that can't be read.
func (p *Profile) Generations() ([]*generation.Generation, error) {
	l, err := p.names()
	if err != nil {
		return nil, err
	}
	var bad *multierror.Error
	all := make([]*generation.Generation, 0, len(l.numbers))
	for _, n := range l.numbers {
		g, err := p.read(n)
		switch {
		case err == nil:
			all = append(all, g)
		case p.absent(number(n)): // pruned meanwhile
		default:
			bad = multierror.Append(bad, err)
		}
	}
	if err := bad.ErrorOrNil(); err != nil {
		return nil, err
	}
	return all, nil
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
	bytes, newest, err := p.files(e.To)
	return err == nil && bytes == e.Bytes && newest.Before(end)
}

// files says how large the three files of generation n are together, and when the
// newest of them was written.
func (p *Profile) files(n generation.Number) (bytes int64, newest time.Time, err error) {
	for _, name := range []string{generation.InfoName, lock.LockName, lock.ProfileName} {
		info, err := os.Lstat(filepath.Join(p.path(number(n)), name))
		if err != nil {
			return 0, newest, err
		}
		if !info.Mode().IsRegular() {
			return 0, newest, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
		}
		bytes += info.Size()
		if info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	return bytes, newest, nil
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
