package profile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ipp/generation"
	"ipp/store/durable"

	"github.com/hashicorp/go-multierror"
)

// Prune removes generations: under the mutex, after an fsync, it hands what is
// there to choose, renames what that returns to N.gone, fsyncs, releases, and
// empties them. The current generation and its parent are never handed over.
// choose must not flip or prune this profile.
//
// The names of what was pruned go once a higher number exists; until then they
// keep their number from being used again. What a killed Prune left is deleted
// too. A *LeftoverError comes beside numbers that were pruned, durably, but
// could not be deleted.
func (p *Profile) Prune(ctx context.Context, choose func(old []generation.Number) ([]generation.Number, error)) ([]generation.Number, error) {
	var pruned []generation.Number
	var leftover *multierror.Error
	err := p.locked(ctx, "gc", func() (err error) {
		pruned, err = p.prune(choose)
		leftover = multierror.Append(leftover, p.removeTemps())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("prune profile %s: %w", p.name, err)
	}
	leftover = multierror.Append(leftover, p.emptyGone())
	if err := leftover.ErrorOrNil(); err != nil {
		return pruned, &LeftoverError{Profile: p.name, Err: err}
	}
	return pruned, nil
}

func (p *Profile) prune(choose func(old []generation.Number) ([]generation.Number, error)) ([]generation.Number, error) {
	old, err := p.prunable()
	if err != nil {
		return nil, err
	}
	chosen, err := choose(old)
	if err != nil {
		return nil, err
	}
	for _, n := range chosen { // before the first rename
		if !slices.Contains(old, n) {
			return nil, fmt.Errorf("generation %d can't be removed: it is current, its parent, or not there", n)
		}
	}
	for _, n := range chosen {
		err := p.do("rename generation "+number(n), func() error {
			return durable.RenameNoReplace(p.path(number(n)), p.path(number(n)+goneSuffix))
		})
		if err != nil {
			return nil, err
		}
	}
	if len(chosen) == 0 {
		return nil, nil
	}
	return chosen, p.sync()
}

// removeTemps deletes what a killed process left of a flip. Under the mutex
// there is no other.
func (p *Profile) removeTemps() error {
	l, err := p.names()
	if err != nil {
		return err
	}
	var bad *multierror.Error
	for _, name := range l.others {
		if durable.IsTemp(name) {
			bad = multierror.Append(bad, os.Remove(p.path(name)))
		}
	}
	return bad.ErrorOrNil()
}

// prunable lists the generations without the current one and its parent. It reads
// no other than these: what the rest hold, and whether it can be told at all, is
// choose's to know.
func (p *Profile) prunable() ([]generation.Number, error) {
	current, err := p.CurrentNumber()
	if err != nil {
		return nil, err
	}
	var parent generation.Number
	if current != 0 {
		g, err := p.read(current)
		if err != nil {
			return nil, err
		}
		parent = g.Info.Parent
	}
	l, err := p.names()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(l.numbers, func(n generation.Number) bool { return n == current || n == parent }), nil
}

// emptyGone deletes what N.gone holds, and N.gone itself if there is a higher
// number. The highest name is never removed, so no mutex is needed.
func (p *Profile) emptyGone() error {
	l, err := p.names()
	if err != nil {
		return err
	}
	var bad *multierror.Error
	for _, n := range l.gone {
		dir := p.path(number(n) + goneSuffix)
		err := empty(dir)
		if err == nil && n < l.highest() {
			err = os.Remove(dir)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			bad = multierror.Append(bad, err)
		}
	}
	return bad.ErrorOrNil()
}

// empty deletes what a directory holds. What is none, as a symlink to one of
// somebody else's, is not touched.
func empty(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &durable.ForeignError{Path: dir, Why: "it is not a directory"}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var bad *multierror.Error
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			bad = multierror.Append(bad, err)
		}
	}
	return bad.ErrorOrNil()
}

// SweepTemp removes tmp.LEASE directories whose lease is not live. gc calls it
// while it holds sweep exclusively, so no lease is taken meanwhile.
func (p *Profile) SweepTemp(live func(leaseID string) bool) error {
	l, err := p.names()
	if err != nil {
		return err
	}
	var bad *multierror.Error
	for _, name := range l.temps {
		if live(strings.TrimPrefix(name, tempPrefix)) {
			continue
		}
		if err := os.RemoveAll(p.path(name)); err != nil {
			bad = multierror.Append(bad, err)
		}
	}
	return bad.ErrorOrNil()
}
