package flock

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestModes(t *testing.T) {
	for _, tt := range []struct {
		name         string
		first, later Mode
		busy         bool
	}{
		{"two readers", Shared, Shared, false},
		{"reader, then writer", Shared, Exclusive, true},
		{"writer, then reader", Exclusive, Shared, true},
		{"two writers", Exclusive, Exclusive, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := mutexPath(t)
			first := mustTry(t, path, tt.first, "first")
			second, err := Try(path, tt.later, "second")
			if !tt.busy {
				if err != nil {
					t.Fatal(err)
				}
				release(t, second)
			} else {
				wantBusy(t, err, Holder{os.Getpid(), "first"})
			}
			release(t, first)
			release(t, mustTry(t, path, tt.later, "third"))
		})
	}
}

func TestReleaseKeepsFileAndIsIdempotent(t *testing.T) {
	path := mutexPath(t)
	l := mustTry(t, path, Exclusive, "work")
	release(t, l)
	release(t, l)
	if l.File() != nil {
		t.Error("a released lock still has a descriptor")
	}
	wantContents(t, path, holderLine("work"))
	other := mustTry(t, path, Exclusive, "other")
	defer release(t, other)
	release(t, l) // must not touch the new holder's lock
	if _, err := Try(path, Shared, ""); err == nil {
		t.Error("an old Release released somebody else's lock")
	}
}

func TestRemove(t *testing.T) {
	path := mutexPath(t)
	l := mustTry(t, path, Exclusive, "work")
	if err := l.Remove(); err != nil {
		t.Fatal(err)
	}
	wantNames(t, filepath.Dir(path))
	release(t, l)
	if err := l.Remove(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("second Remove: %v", err)
	}
	if err := l.Inherit(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Inherit after Remove: %v", err)
	}
}

func TestRemoveOfDeletedFile(t *testing.T) {
	path := mutexPath(t)
	l := mustTry(t, path, Exclusive, "work")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := l.Remove(); err != nil {
		t.Error(err)
	}
}

func TestErrorsAreNotBusy(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "absent/mutex")} {
		_, err := Try(path, Exclusive, "work")
		var busy *BusyError
		var pathErr *fs.PathError
		if !errors.As(err, &pathErr) || errors.As(err, &busy) {
			t.Errorf("Try(%s): %v (%T), want a PathError", path, err, err)
		}
	}
	wantNames(t, dir)
}

func TestCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lease")
	l, err := Create(path, []byte("bafy1\n"))
	if err != nil {
		t.Fatal(err)
	}
	wantNames(t, filepath.Dir(path), "lease")
	wantContents(t, path, "bafy1\n")
	if l.File().Name() != path {
		t.Errorf("the descriptor calls itself %s", l.File().Name())
	}
	_, err = Try(path, Exclusive, "gc")
	wantBusy(t, err, Holder{})
	if _, err := l.File().Write([]byte("bafy2\n")); err != nil {
		t.Fatal(err)
	}
	wantContents(t, path, "bafy1\nbafy2\n")
	release(t, l)
	sweep := mustTry(t, path, Exclusive, "") // no purpose: the data stays
	wantContents(t, path, "bafy1\nbafy2\n")
	if err := sweep.Remove(); err != nil {
		t.Fatal(err)
	}
	wantNames(t, filepath.Dir(path))
}

func TestCreateTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lease")
	l, err := Create(path, []byte("old"))
	if err != nil {
		t.Fatal(err)
	}
	defer release(t, l)
	if _, err := Create(path, []byte("new")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create of a taken name: %v", err)
	}
	wantContents(t, path, "old")
	wantNames(t, filepath.Dir(path), "lease")
	if _, err := Create(filepath.Join(path, "below"), nil); err == nil {
		t.Error("Create below a file succeeded")
	}
}

func TestHolderText(t *testing.T) {
	for _, tt := range []struct {
		purpose string
		want    Holder
	}{
		{"upgrade esbuild", Holder{os.Getpid(), "upgrade esbuild"}},
		{"two\nlines\x1b[31m", Holder{os.Getpid(), "two lines [31m"}},
		{"bidi \u202e", Holder{os.Getpid(), "bidi"}},
		{"größer", Holder{os.Getpid(), "größer"}},
	} {
		path := mutexPath(t)
		l := mustTry(t, path, Exclusive, tt.purpose)
		_, err := Try(path, Exclusive, "other")
		wantBusy(t, err, tt.want)
		release(t, l)
	}
}

func TestHolderLineIsReplacedWhole(t *testing.T) {
	path := mutexPath(t)
	long := strings.Repeat("ö", 400)
	release(t, mustTry(t, path, Exclusive, long))
	data := contents(t, path)
	if len(data) > maxLine || !strings.HasSuffix(data, "ö\n") {
		t.Errorf("line of %d bytes ends in %q", len(data), data[len(data)-3:])
	}
	release(t, mustTry(t, path, Exclusive, "short"))
	wantContents(t, path, holderLine("short"))
	release(t, mustTry(t, path, Shared, "reader"))
	wantContents(t, path, holderLine("reader"))
}

func TestReadHolderOfRubbish(t *testing.T) {
	for _, text := range []string{"", "12", "bafy…\n", "-1 x\n", "0 x\n", "12x y\n", "\n", strings.Repeat("1", 5000)} {
		path := mutexPath(t)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l := mustTry(t, path, Exclusive, "")
		_, err := Try(path, Exclusive, "")
		wantBusy(t, err, Holder{})
		release(t, l)
	}
}

func TestBusyErrorText(t *testing.T) {
	for want, h := range map[string]Holder{
		"acquire m: busy":                                   {},
		"acquire m: busy: held by process 7 (gc)":           {7, "gc"},
		"acquire m: busy: held by process 7":                {7, ""},
		"acquire m: busy: held by an unknown process (why)": {0, "why"},
	} {
		if got := (&BusyError{"m", h}).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestCancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	path := mutexPath(t)
	if _, err := Acquire(ctx, path, Exclusive, "work", Policy{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	wantNames(t, filepath.Dir(path))
}

func mutexPath(t *testing.T) string { return filepath.Join(t.TempDir(), "mutex") }

func mustTry(t *testing.T, path string, mode Mode, purpose string) *Lock {
	t.Helper()
	l, err := Try(path, mode, purpose)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func release(t *testing.T, l *Lock) {
	t.Helper()
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}

func wantBusy(t *testing.T, err error, h Holder) {
	t.Helper()
	var busy *BusyError
	if !errors.As(err, &busy) {
		t.Fatalf("got %v, want a BusyError", err)
	}
	if busy.Holder != h {
		t.Errorf("held by %+v, want %+v", busy.Holder, h)
	}
}

func contents(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func wantContents(t *testing.T, path, want string) {
	t.Helper()
	if got := contents(t, path); got != want {
		t.Errorf("%s holds %q, want %q", path, got, want)
	}
}

func wantNames(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("%s holds %q, want %q", dir, got, names)
	}
}
