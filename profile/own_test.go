package profile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"ipp/lock"
	"ipp/lock/ref"
)

func ownIn(t *testing.T, text string) *Own {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, lock.ProfileName), []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return reread(t, dir)
}

func reread(t *testing.T, dir string) *Own {
	t.Helper()
	o, err := ReadOwn(dir)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestOwnSave: what is saved is read again; whoever edits a file meanwhile loses
// nothing.
func TestOwnSave(t *testing.T) {
	const text = "format = 1 # mine\n[packages]\na = \"1\"\n"
	o := ownIn(t, text)
	if o.Locked || o.Says(o.Wishes, o.Lock) {
		t.Error("there is no profile.lock, and it says something")
	}
	next := o.Wishes.Clone()
	next.Put(lock.Wish{Name: "b", Constraint: ref.Exact("2")})
	if err := o.Save(next, &lock.Lockfile{}); err != nil {
		t.Fatal(err)
	}
	now := reread(t, o.Dir)
	if edited, err := o.Edited(); err != nil || !edited || !now.Says(next, &lock.Lockfile{}) {
		t.Error("it is not what was saved")
	}
	if data, err := os.ReadFile(o.Path()); err != nil || string(data) != text+"b = \"2\"\n" {
		t.Errorf("%v: %s", err, data)
	}
	if fi, err := os.Stat(o.Path()); err != nil || fi.Mode() != 0o640 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	for _, path := range []string{o.Path(), o.LockPath()} {
		before := reread(t, o.Dir)
		edited := []byte("format = 1 # an editor's\n")
		if err := os.WriteFile(path, edited, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := before.Save(lock.NewProfile(), &lock.Lockfile{}); !errors.Is(err, ErrMoved) {
			t.Errorf("%s was edited meanwhile: %v", path, err)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != string(edited) {
			t.Errorf("an edit is lost: %v: %s", err, data)
		}
		if edited, err := reread(t, o.Dir).Edited(); err != nil || edited {
			t.Error("the same files differ")
		}
	}
	if _, err := ReadOwn(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no profile.toml: %v", err)
	}
}
