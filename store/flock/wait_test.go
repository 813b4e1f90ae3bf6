package flock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"
)

func TestWaitAnnouncesOnceAndGetsTheLock(t *testing.T) {
	path := mutexPath(t)
	first := mustTry(t, path, Exclusive, "first")
	var holders []Holder
	l, err := acquireSoon(context.Background(), path, "second", Policy{
		Announce: func(p string, h Holder) {
			if p != path {
				t.Errorf("announced %s", p)
			}
			holders = append(holders, h)
			release(t, first)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer release(t, l)
	if len(holders) != 1 || holders[0] != (Holder{os.Getpid(), "first"}) {
		t.Errorf("announced %+v", holders)
	}
	wantContents(t, path, holderLine("second"))
}

func TestWaitInSilence(t *testing.T) {
	path := mutexPath(t)
	first := mustTry(t, path, Exclusive, "first")
	got := acquireLater(context.Background(), path, Shared)
	release(t, first)
	l, err := got()
	if err != nil {
		t.Fatal(err)
	}
	release(t, l)
}

func TestCancelledWaitLosesNoLock(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // no finalizer closes what we forget
	path := mutexPath(t)
	first := mustTry(t, path, Exclusive, "first")
	ctx, cancel := context.WithCancel(context.Background())
	_, err := acquireSoon(ctx, path, "second", Policy{
		Announce: func(string, Holder) { cancel() },
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	release(t, first)
	// The abandoned waiter may have the lock for a moment, but gives it back.
	l, err := Acquire(context.Background(), path, Exclusive, "third", Policy{})
	if err != nil {
		t.Fatal(err)
	}
	defer release(t, l)
	wantContents(t, path, holderLine("third"))
}

// A waiter that gets the lock of a file which its holder deleted would exclude
// nobody: it must start over with the file that has the name now. It has said
// that it waits, and does not say so again.
func TestWaiterStartsOverWhenTheFileWasDeleted(t *testing.T) {
	path := mutexPath(t)
	first := mustTry(t, path, Exclusive, "first")
	announced := 0
	l, err := acquireSoon(context.Background(), path, "third", Policy{
		Announce: func(string, Holder) {
			announced++
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
			second := mustTry(t, path, Exclusive, "second") // a new file
			release(t, first)
			go func() {
				time.Sleep(10 * silence) // as long as a second announcement would need
				release(t, second)
			}()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer release(t, l)
	wantNamed(t, l, path)
	wantContents(t, path, holderLine("third"))
	if announced != 1 {
		t.Errorf("announced %d times", announced)
	}
}

func TestWaiterMakesTheFileAgain(t *testing.T) {
	path := mutexPath(t)
	first := mustTry(t, path, Exclusive, "first")
	got := acquireLater(context.Background(), path, Exclusive)
	if err := first.Remove(); err != nil {
		t.Fatal(err)
	}
	l, err := got()
	if err != nil {
		t.Fatal(err)
	}
	defer release(t, l)
	wantNamed(t, l, path)
}

// Many goroutines delete the file each time they hold it: at no time may two
// of them hold the mutex.
func TestExclusionWithDeletions(t *testing.T) {
	path := mutexPath(t)
	inside := filepath.Join(filepath.Dir(path), "inside")
	done := make(chan error)
	for range 8 {
		go func() {
			var errs error
			for range 50 {
				errs = errors.Join(errs, enterAndDelete(path, inside))
			}
			done <- errs
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func enterAndDelete(path, inside string) error {
	l, err := Acquire(context.Background(), path, Exclusive, "work", Policy{})
	if err != nil {
		return err
	}
	if err := os.Mkdir(inside, 0o700); err != nil { // fails when another is inside
		return errors.Join(err, l.Release())
	}
	return errors.Join(os.Remove(inside), l.Remove())
}

const silence = 10 * time.Millisecond

// acquireSoon is Acquire, exclusive and with a shorter silence.
func acquireSoon(ctx context.Context, path, purpose string, p Policy) (*Lock, error) {
	w := waiter{path: path, mode: Exclusive, policy: p, silence: silence}
	return w.acquire(ctx, purpose)
}

// acquireLater starts an Acquire and returns how to wait for it.
func acquireLater(ctx context.Context, path string, mode Mode) func() (*Lock, error) {
	type result struct {
		l   *Lock
		err error
	}
	got := make(chan result)
	go func() {
		l, err := Acquire(ctx, path, mode, "later", Policy{})
		got <- result{l, err}
	}()
	return func() (*Lock, error) { r := <-got; return r.l, r.err }
}

func wantNamed(t *testing.T, l *Lock, path string) {
	t.Helper()
	if ok, err := isCurrent(l.File(), path); !ok || err != nil {
		t.Errorf("the lock is not on the file that is named %s (%v)", path, err)
	}
}
