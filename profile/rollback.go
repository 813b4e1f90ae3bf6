package profile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ipp/generation"
	"ipp/store"
)

// Rollback flips to generation n, or to the parent of the current one where n
// is 0. It needs no store: that the trees of n are there is seen through the
// store link. A generation that a crash left before its flip will do as well.
//
// It is the hottest path: beyond the mutex and two fsyncs it reads two small
// files at most.
func (p *Profile) Rollback(ctx context.Context, n generation.Number, why Reason) (Change, error) {
	if exists, err := p.Exists(); err != nil {
		return Change{}, err
	} else if !exists {
		return Change{}, p.nowhere(n)
	}
	var c Change
	err := p.locked(ctx, why.Command, func() (err error) {
		c, err = p.rollback(n, why)
		return err
	})
	return c, err
}

// nowhere is the error of a rollback to n in a profile without generations.
func (p *Profile) nowhere(n generation.Number) error {
	if n == 0 {
		return &NoParentError{}
	}
	return &NoGenerationError{Number: n}
}

func (p *Profile) rollback(n generation.Number, why Reason) (Change, error) {
	from, err := p.From(n)
	if err != nil {
		return Change{}, err
	}
	if n == 0 {
		if n, err = p.parent(from); err != nil {
			return Change{}, err
		}
	}
	if n == from {
		return Change{From: from, To: from, Nothing: true}, nil
	}
	if err := p.checkTrees(n); err != nil {
		return Change{}, err
	}
	err = p.flip(p.entry(from, n, why))
	if logged := (*LogError)(nil); err != nil && !errors.As(err, &logged) {
		return Change{}, err
	}
	return Change{From: from, To: n}, err
}

// From is the current generation, which a rollback to n leaves; 0 where the
// pointer is lost or wrong, and n says where to go all the same.
func (p *Profile) From(n generation.Number) (generation.Number, error) {
	from, err := p.CurrentNumber()
	if wrong := (*PointerError)(nil); n != 0 && errors.As(err, &wrong) {
		return 0, nil
	}
	return from, err
}

// parent is where a plain rollback goes.
func (p *Profile) parent(current generation.Number) (generation.Number, error) {
	if current == 0 {
		return 0, cmp.Or[error](p.Lost(), &NoParentError{})
	}
	info, err := p.info(current)
	if err != nil {
		return 0, err
	}
	if info.Parent == 0 {
		return 0, &NoParentError{Current: current}
	}
	return info.Parent, nil
}

// checkTrees checks that generation n is there, and its trees too.
func (p *Profile) checkTrees(n generation.Number) error {
	info, err := p.info(n)
	if err != nil {
		if p.absent(number(n)) {
			return p.noGeneration(n)
		}
		return err
	}
	trees := filepath.Join(p.opt.State, "store", "trees")
	var missing []store.Key
	for _, k := range info.Trees {
		_, err := os.Lstat(filepath.Join(trees, k.String()))
		if errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, k)
		} else if err != nil {
			return fmt.Errorf("check generation %d: %w", n, err)
		}
	}
	if len(missing) > 0 {
		return &MissingTreesError{Number: n, Trees: missing}
	}
	return nil
}

func (p *Profile) info(n generation.Number) (generation.Info, error) {
	info, err := generation.ReadInfo(p.path(number(n)))
	if err != nil {
		return info, fmt.Errorf("read generation %d of profile %s: %w", n, p.name, err)
	}
	return info, nil
}
