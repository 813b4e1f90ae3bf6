package cmd

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ipp/cmd/term"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/profile"
	"ipp/store/flock"
	"ipp/tests/support"
)

// TestInterruptLeavesNoCandidateOut: a package that an interrupt kept from being
// leased is not one that can't be read; without it another version would win.
func TestInterruptLeavesNoCandidateOut(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, "tool")
	if err := os.MkdirAll(filepath.Join(dir, "share"), 0o755); err != nil {
		t.Fatal(err)
	}
	env := []string{"HOME=" + home, "USERPROFILE=" + home, "XDG_STATE_HOME=" + home + "/state", "XDG_DATA_HOME=" + home + "/data", support.Offline()}
	if code := Main([]string{"pack", dir, "--name", "tool", "--version", "1.0.0"}, env, nil, io.Discard, io.Discard); code != 0 {
		t.Fatalf("pack: exit code %d", code)
	}
	set := readSettings(env)
	a := &app{set: set, term: term.New(io.Discard, io.Discard, set.getenv), now: time.Now, flags: &grammar{}}
	s, err := a.begin(t.Context(), "install")
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if list, err := s.candidates(ctx, "tool"); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v, %v", list, err)
	}
	if list, err := s.candidates(t.Context(), "tool"); err != nil || len(list) != 1 {
		t.Errorf("candidates = %v, %v", list, err)
	}
}

// TestBlameOfWhatPassed: with --no-wait somebody may be busy when all packages are
// looked at, and not any more when each is: that is still an error, and never a
// plan without wishes.
func TestBlameOfWhatPassed(t *testing.T) {
	set := readSettings([]string{"HOME=" + t.TempDir()})
	a := &app{set: set, term: term.New(io.Discard, io.Discard, set.getenv), now: time.Now, flags: &grammar{}}
	fine := func(*lock.Profile, *lock.Lockfile, func(ref.Name) bool) error { return nil }
	c := &change{session: &session{a: a, verb: "upgrade"}, units: []ref.Name{"one", "other"}, edit: fine}
	old := profile.State{Wishes: &lock.Profile{}, Lock: &lock.Lockfile{}}
	busy := &flock.BusyError{Path: "sweep"}
	if found := c.blame(t.Context(), old, busy); len(found) != 1 || !errors.Is(found[0].err, busy) {
		t.Errorf("it finds %d faults", len(found))
	}
}
