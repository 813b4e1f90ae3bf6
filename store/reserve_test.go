package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
)

// reserveIn makes a reserve in a directory of its own.
func reserveIn(t *testing.T) Reserve {
	t.Helper()
	r := ReserveIn(t.TempDir())
	if err := r.Fill(); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReserveIsWritten(t *testing.T) {
	r := reserveIn(t)
	var data []byte
	for i := range reserveParts {
		part, err := os.ReadFile(r.part(i))
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, part...)
	}
	if len(data) != ReserveSize {
		t.Fatalf("%d bytes", len(data))
	}
	blocks := map[string]bool{}
	for at := 0; at < len(data); at += 512 { // none like another, and no holes
		blocks[string(data[at:at+512])] = true
	}
	if len(blocks) != len(data)/512 || blocks[string(make([]byte, 512))] {
		t.Errorf("%d different blocks among %d", len(blocks), len(data)/512)
	}
}

func TestReserveIsFilledUp(t *testing.T) {
	r := reserveIn(t)
	// What a kill or a full disk left.
	if err := errors.Join(os.Truncate(r.part(1), 5000), os.Remove(r.part(3))); err != nil {
		t.Fatal(err)
	}
	if got := r.Missing(); got != ReserveSize/2-5000 {
		t.Errorf("missing %d", got)
	}
	if err := r.Fill(); err != nil || r.Missing() != 0 {
		t.Errorf("%v, missing %d", err, r.Missing())
	}
}

// What has the name of the reserve and is none makes way: nothing is written
// through it, and a FIFO is not waited for.
func TestReserveReplacesWhatIsNone(t *testing.T) {
	theirs := t.TempDir() + "/theirs"
	if err := os.WriteFile(theirs, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := reserveIn(t)
	if err := errors.Join(os.Remove(r.part(1)), os.Symlink(theirs, r.part(1))); err != nil {
		t.Fatal(err)
	}
	if err := r.Fill(); err != nil || r.Missing() != 0 {
		t.Errorf("%v, missing %d", err, r.Missing())
	}
	if err := errors.Join(os.RemoveAll(r.dir), os.WriteFile(r.dir, nil, 0o644), r.Fill()); err != nil || r.Missing() != 0 {
		t.Errorf("a file: %v, missing %d", err, r.Missing())
	}
	if data, err := os.ReadFile(theirs); err != nil || string(data) != "x" {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

func TestReserveIsFreedOnce(t *testing.T) {
	r := reserveIn(t)
	if !r.Free() || r.Free() || r.Missing() != ReserveSize {
		t.Errorf("missing %d", r.Missing())
	}
}

func TestSpend(t *testing.T) {
	full := &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	quota := fmt.Errorf("work: %w", &os.PathError{Op: "write", Path: "x", Err: syscall.EDQUOT})
	unsynced := fmt.Errorf("sync: %w", &os.PathError{Op: "fsync", Path: "x", Err: syscall.ENOSPC})
	other := errors.New("something else")
	for _, tt := range []struct {
		name    string
		first   error // of f, while the reserve is there
		then    error // of f, when it is not
		want    error
		calls   int
		without bool // there is no reserve
	}{
		{"nothing is spent", nil, full, nil, 1, false},
		{"a full disk", full, nil, nil, 2, false},
		{"a quota", quota, nil, nil, 2, false},
		{"full all the same", full, full, full, 2, false},
		{"a failed fsync is never retried", unsynced, nil, unsynced, 1, false},
		{"another error", other, nil, other, 1, false},
		{"no reserve", nil, full, full, 1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := reserveIn(t)
			if tt.without {
				r.Free()
			}
			calls := 0
			err := r.Spend(func() error {
				calls++
				if r.Missing() == 0 {
					return tt.first
				}
				return tt.then
			})
			if !errors.Is(err, tt.want) || calls != tt.calls {
				t.Errorf("%v after %d calls, want %v after %d", err, calls, tt.want, tt.calls)
			}
			if r.Missing() != 0 && !tt.without {
				t.Error("the room was not kept back again")
			}
		})
	}
}

func TestRoom(t *testing.T) {
	dir := t.TempDir()
	bytes, files, ok := Room(dir)
	below, _, okBelow := Room(dir + "/not/there/yet")
	if !ok || bytes <= 0 || files <= 0 || !okBelow || below <= 0 {
		t.Errorf("%d bytes, %d files, %v; below %d, %v", bytes, files, ok, below, okBelow)
	}
}

func TestNeed(t *testing.T) {
	var n Need
	n.File(1)
	n.File(4096)
	n.File(0)
	n.Dir()
	n.Symlink("short")
	n.Symlink("../../../../store/trees/bafybeib2w7m4nzz3l5d7dnjxrnoy4ufa3ttagbbbbbbbbbbbbbbbbbbbbbb.any/bin/x")
	if want := (Need{Bytes: 4 * 4096, Files: 6}); n != want {
		t.Errorf("%+v, want %+v", n, want)
	}
}
