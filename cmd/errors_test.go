package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ipp/gc"
	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/lock/toml"
	"ipp/profile"
	"ipp/store"
	"ipp/store/dag"
	"ipp/store/flock"
	"ipp/store/pack"
	"ipp/tests/support"
)

// TestEveryErrorHasItsLine: each error that a room can return has the exit code
// of the formats page, and says what to do next.
func TestEveryErrorHasItsLine(t *testing.T) {
	home := t.TempDir()
	a := &app{flags: &grammar{}, set: readSettings([]string{"HOME=" + home, "USERPROFILE=" + home})}
	d, err := a.set.dirs()
	if err != nil {
		t.Fatal(err)
	}
	member := generation.Member{Name: "a", Version: "1"}
	for _, tt := range []struct {
		err  error
		code int
		hint string // part of it; "": any
	}{
		{&ref.SyntaxError{What: "name", Allowed: "letters"}, exitUsage, "allowed: letters"},
		{&flock.BusyError{}, exitBusy, "--no-wait"},
		{&lock.NotFoundError{Name: "x"}, exitNotFound, "CAR"},
		{&lock.NotFoundError{Name: "x", Has: []ref.Version{"1"}}, exitNotFound, "another one"},
		{&lock.AmbiguousError{}, exitConflict, "CID"},
		{&lock.UnsatisfiableError{}, exitConflict, "other versions"},
		{&lock.TooHardError{}, exitConflict, "exact versions"},
		{&generation.ConflictError{Conflicts: []generation.Conflict{{Path: "bin/x", A: member, B: member}}}, exitConflict, "--prefer a"},
		{&conflictError{generation.ConflictError{Conflicts: []generation.Conflict{{Path: "bin/x", A: member, B: member}}}}, exitConflict, "--prefer a"},
		{&absentError{}, exitNotFound, "--from URL"},
		{&pack.NoPlatformError{}, exitNotFound, "author"},
		{&pack.NoMetadataError{Path: home}, exitUsage, "--init"},
		{&pack.MissingLibraryError{}, exitNotFound, "ipp import"},
		{&pack.DotNamesError{Names: []string{".git"}}, exitMalformed, "--exclude .git"},
		{&pack.ProgramError{}, exitMalformed, "ipp pack"},
		{&pack.NotDirError{}, exitMalformed, "ipp pack"},
		{&pack.MissingCommandError{}, exitMalformed, "author"},
		{&pack.FormatError{}, exitMalformed, "PackManifest"},
		{&profile.NoGenerationError{Has: []generation.Number{1}}, exitNotFound, "ipp history"},
		{&profile.MissingTreesError{}, exitMalformed, "install these packages again"},
		{&profile.StoreLinkError{}, exitFailed, "IPP_STORE"},
		{&profile.FlipError{Err: syscall.EIO}, exitFailed, "disk"},
		{&profile.PointerError{Path: "/p"}, exitMalformed, "check --repair"},
		{&profile.DamagedError{Err: errors.New("x")}, exitMalformed, "ipp rollback"},
		{&toml.SyntaxError{File: filepath.Join("1", lock.ProfileName)}, exitMalformed, "ipp rollback"},
		{&toml.SyntaxError{File: "d/" + pack.MetadataName}, exitMalformed, "--init"},
		{toml.ErrNewer, exitFailed, "newer ipp"},
		{store.ErrNewer, exitFailed, "newer ipp"},
		{store.ErrNoFormat, exitMalformed, "check --repair"},
		{store.ErrBadFormat, exitMalformed, "check --repair"},
		{store.ErrNoRoots, exitMalformed, "check --repair"},
		{&store.DamagedError{Err: errors.New("x")}, exitMalformed, "heals"},
		{&store.RootError{Path: "roots/p-x"}, exitMalformed, "install"},
		{&store.RootError{Path: "roots/k-x"}, exitMalformed, "ipp import"},
		{&gc.MissingProfileError{Dir: "/p"}, exitFailed, "ipp forget"},
		{&gc.NoProcError{Path: "/proc"}, exitFailed, "mount"},
		{&dag.HashError{}, exitMalformed, "again"},
		{&dag.LimitError{}, exitMalformed, "larger"},
		{&dag.NameError{}, exitMalformed, "again"},
		{&dag.FormatError{}, exitMalformed, "again"},

		// What is not there: of the package, of ipp's own, of somebody else's.
		{fmt.Errorf("block x: %w", fs.ErrNotExist), exitMalformed, "not whole"},
		{lostFile(filepath.Join(d.store, "objects", "x")), exitMalformed, "ipp check"},
		{lostFile(filepath.Join(d.state, "profiles", "default", "1")), exitMalformed, "ipp check"},
		{lostFile(filepath.Join(home, "else")), exitFailed, "moved"},

		{syscall.ENOSPC, exitFailed, "ipp gc"},
		{syscall.EDQUOT, exitFailed, "ipp gc"},
		{syscall.EROFS, exitFailed, "XDG_DATA_HOME"},
		{syscall.EACCES, exitFailed, "ls -ld"},
		{syscall.EPERM, exitFailed, "ls -ld"},
		{syscall.EMFILE, exitFailed, "ulimit -n"},
		{syscall.ENFILE, exitFailed, "end other programs"},
		{syscall.EIO, exitFailed, "check the disk"},
		{syscall.ENOLCK, exitFailed, "no locks"},
		{syscall.ESTALE, exitFailed, "mount it again"},
		{syscall.ENAMETOOLONG, exitFailed, "shorter"},
		{syscall.ELOOP, exitFailed, "circle"},
		{syscall.ENOTDIR, exitFailed, "no directory"},
		{syscall.EMLINK, exitFailed, "can't link"},
		{syscall.EXDEV, exitFailed, "can't link"},
	} {
		p := a.explain(failed("install", "x", fmt.Errorf("do it: %w", tt.err)))
		if p.Code != tt.code {
			t.Errorf("%T %v: exit code %d, want %d", tt.err, tt.err, p.Code, tt.code)
		}
		if len(p.Hints) == 0 || !strings.Contains(strings.Join(p.Hints, "\n"), tt.hint) {
			t.Errorf("%T %v: hints %q, want %q", tt.err, tt.err, p.Hints, tt.hint)
		}
		// The system's word is about the system whatever it came up in.
		if _, ok := tt.err.(syscall.Errno); ok {
			p := a.explain(&store.DamagedError{Err: &os.PathError{Op: "open", Path: "/x/y", Err: tt.err}})
			if p.Code != exitFailed || len(p.Hints) != 1 {
				t.Errorf("%v in a damaged tree: %+v", tt.err, p)
			}
		}
	}
	if p := a.explain(context.Canceled); p.Code != exitInterrupted || len(p.Hints) != 0 {
		t.Errorf("an interrupt: %+v", p)
	}
}

func lostFile(path string) error { return &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT} }

// TestSeveralErrors: each is told, a hint that they share once, and the exit code
// is the common one.
func TestSeveralErrors(t *testing.T) {
	var out, errs strings.Builder
	home := t.TempDir()
	env := []string{"HOME=" + home, "USERPROFILE=" + home, support.Offline()}
	code := Main([]string{"install", "--json", "nobody", "none", "./nothing.car"}, env, nil, &out, &errs)
	if code != exitNotFound {
		t.Errorf("exit code %d", code)
	}
	if n := strings.Count(errs.String(), "hint: get the package as a CAR file"); n != 1 {
		t.Errorf("the hint stands %d times:\n%s", n, errs.String())
	}
	if n := strings.Count(errs.String(), "ipp: install "); n != 3 {
		t.Errorf("%d errors:\n%s", n, errs.String())
	}
	if !strings.HasPrefix(out.String(), `{"error":{"message":"3 errors","code":3,"errors":[{"message":"install nobody: `) {
		t.Errorf("JSON: %s", out.String())
	}
	out.Reset()
	if code := Main([]string{"install", "nobody", "UPPER"}, env, nil, &out, &errs); code != exitFailed {
		t.Errorf("exit code of two that differ: %d", code)
	}
}
