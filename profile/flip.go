package profile

import (
	"context"
	"fmt"

	"ipp/generation"
	"ipp/lock"
	"ipp/store/durable"
	"ipp/store/flock"
)

// Reason is why a change is made, for generation.toml and the log.
type Reason struct {
	Command string // "install esbuild.car"
}

// Change is what a transaction did. Rollback leaves Old and New nil: it reads
// no lockfile.
type Change struct {
	From, To generation.Number
	Nothing  bool // To equals From, and that is durable
	Old, New *lock.Lockfile
}

// locked runs f while it holds the mutex, after an fsync of the profile's
// directory: what a dead process had begun is durable, or never was, before
// anything is decided by it.
func (p *Profile) locked(ctx context.Context, purpose string, f func() error) error {
	mutex, err := flock.Acquire(ctx, p.path("mutex"), flock.Exclusive, purpose, p.opt.Wait)
	if err != nil {
		return err
	}
	defer mutex.Release() // it also ends with us, so its error is no failure of f
	if err := p.sync(); err != nil {
		return err
	}
	return f()
}

// flip makes generation to current, under the mutex: from here on the change
// stands, whatever happens to the log.
func (p *Profile) flip(e LogEntry) error {
	from, to := e.From, e.To
	err := p.do("replace current", func() error {
		return durable.ReplaceSymlink(number(to), p.path("current"))
	})
	if err != nil {
		return fmt.Errorf("flip from %d to %d: %w", from, to, err)
	}
	if err := p.sync(); err != nil {
		return &FlipError{From: from, To: to, Err: err}
	}
	return p.log(e)
}
