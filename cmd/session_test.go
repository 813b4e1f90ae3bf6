package cmd

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
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

// TestKeyIsCheckedAgain: what another ipp installed between the plan and the
// flip has pinned its key.
func TestKeyIsCheckedAgain(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, "tool")
	if err := os.MkdirAll(filepath.Join(dir, "share"), 0o755); err != nil {
		t.Fatal(err)
	}
	env := []string{"HOME=" + home, "USERPROFILE=" + home, "XDG_STATE_HOME=" + home + "/state", "XDG_DATA_HOME=" + home + "/data", support.Offline()}
	ipp := func(args ...string) {
		t.Helper()
		var out strings.Builder
		if code := Main(args, env, nil, &out, &out); code != 0 {
			t.Fatalf("ipp %v: exit code %d\n%s", args, code, out.String())
		}
	}
	cars := map[string]string{}
	for _, who := range []string{"alice", "mallory"} {
		cars[who] = filepath.Join(home, who+".car")
		ipp("key", "new", who)
		ipp("pack", dir, "--name", "tool", "--version", "1.0.0", "--sign", who, "-o", cars[who])
	}
	set := readSettings(env)
	a := &app{set: set, term: term.New(io.Discard, io.Discard, set.getenv), now: time.Now, flags: &grammar{}}
	install := &installCmd{Refs: []string{cars["mallory"]}}
	c, err := a.beginChange(t.Context(), "install", "install", false)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	list, err := c.openAll(t.Context(), install.Refs, "")
	if err != nil {
		t.Fatal(err)
	}
	meanwhile := false
	c.edit = func(wishes *lock.Profile, _ *lock.Lockfile, _ func(ref.Name) bool) error {
		wishes.Put(list[0].wish(wishes, nil))
		if !meanwhile {
			meanwhile = true
			ipp("install", cars["alice"])
		}
		return nil
	}
	err = c.carry(t.Context())
	if err == nil || a.explain(flatten(err)[0]).Code != exitMalformed || !strings.Contains(err.Error(), "is signed by mallory") || !strings.Contains(err.Error(), "is signed by alice") {
		t.Errorf("another key went in: %v", err)
	}
}
