package flock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// waiter is one call of Acquire, which may lock several files in turn if they
// are deleted meanwhile, but announces itself once.
type waiter struct {
	path    string
	mode    Mode
	policy  Policy
	silence time.Duration // how long a wait is not announced
	slow    *time.Timer   // nil until there was something to wait for
}

// acquire locks files of that name until it has the one that still bears it.
func (w *waiter) acquire(ctx context.Context, purpose string) (*Lock, error) {
	defer w.stop()
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("acquire %s: %w", w.path, err)
		}
		file, err := w.lock(ctx)
		if err != nil {
			return nil, err
		}
		current, err := isCurrent(file, w.path)
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		if current {
			writeHolder(file, purpose)
			return &Lock{path: w.path, file: file}, nil
		}
		if err := file.Close(); err != nil {
			return nil, err
		}
	}
}

func (w *waiter) stop() {
	if w.slow != nil {
		w.slow.Stop()
	}
}

// lock opens the file and locks it, whether or not its name still stands.
func (w *waiter) lock(ctx context.Context) (*os.File, error) {
	file, err := open(w.path)
	if err != nil {
		return nil, err
	}
	busy, err := tryLock(file, w.mode)
	switch {
	case err != nil:
	case !busy:
		return file, nil
	case w.policy.NoWait:
		err = &BusyError{Path: w.path, Holder: readHolder(file)}
	default:
		return w.wait(ctx, file)
	}
	file.Close() // nothing was written
	return nil, err
}

// wait blocks in a goroutine of its own, because flock(2) can't be cancelled.
// When ctx ends first, the goroutine stays until it gets the lock, and then
// closes the file: the lock is lost to nobody.
func (w *waiter) wait(ctx context.Context, file *os.File) (*os.File, error) {
	locked := make(chan error)
	go func() {
		err := waitLock(file, w.mode)
		select {
		case locked <- err:
		case <-ctx.Done():
			file.Close() // nothing was written
		}
	}()
	if w.slow == nil {
		w.slow = time.NewTimer(w.silence)
	}
	for {
		select {
		case err := <-locked:
			if err != nil {
				file.Close() // nothing was written
				return nil, err
			}
			return file, nil
		case <-w.slow.C:
			if w.policy.Announce != nil {
				w.policy.Announce(w.path, readHolder(file))
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %s: %w", w.path, ctx.Err())
		}
	}
}
