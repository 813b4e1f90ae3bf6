package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestUnreadIsNoDamage: an error of looking says nothing of what was looked at.
func TestUnreadIsNoDamage(t *testing.T) {
	at := func(err error) error { return fmt.Errorf("look: %w", &fs.PathError{Op: "open", Path: "x", Err: err}) }
	for _, errno := range []error{syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.EACCES, syscall.EPERM, syscall.ENOMEM, syscall.ESTALE} {
		if !unread(at(errno)) {
			t.Errorf("%v counts as damage", errno)
		}
		if k := (Key{}); errors.As(damaged(k, at(errno)), new(*DamagedError)) {
			t.Errorf("%v makes a DamagedError", errno)
		}
	}
	for _, err := range []error{syscall.ENOENT, syscall.ENOTDIR, syscall.ELOOP, syscall.EISDIR, syscall.EINVAL} {
		if unread(at(err)) {
			t.Errorf("%v counts as not looked at", err)
		}
	}
	for _, err := range []error{io.ErrUnexpectedEOF, errNotRegular, errors.New("contents changed")} {
		if unread(err) {
			t.Errorf("%v counts as not looked at", err)
		}
	}
}

func TestObjectKey(t *testing.T) {
	for _, name := range []string{
		"bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
		"bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku.x",
		"bafybeihtjxpqwrtsoxuo2qgddtnrxijl7cbhqw3lezn4ooyg2v4vnen4ti",
	} {
		k, err := parseObjectKey(name)
		if err != nil || k.name() != name || !strings.HasSuffix(k.file(), "/"+name) || k.twin().twin() != k || k.twin() == k {
			t.Errorf("%s: %v, %v, %s", name, k, err, k.file())
		}
	}
	for _, name := range []string{"", "x", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku.y", "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"} {
		if k, err := parseObjectKey(name); err == nil {
			t.Errorf("%s: %v", name, k)
		}
	}
}

// A program may run from what lies in the trash, and a lost tree may be put
// together again out of what it left: to drop damaged objects is no collection.
func TestDropOrphansDropsNothingElse(t *testing.T) {
	s := newStore(t)
	m, lost := pkg(t, map[string]string{"a": "a"}), pkg(t, map[string]string{"b": "b", "c": "c"})
	mustEnsure(t, s, want(m, AnyPart), m)
	mustEnsure(t, s, want(lost, AnyPart), lost)
	if err := os.Rename(s.TreeDir(want(lost, AnyPart).Key), s.trashName(want(lost, AnyPart).Key)); err != nil {
		t.Fatal(err)
	}
	before := listing(t, s.Dir())
	const orphan = "objects/aa/bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyaa"
	if err := os.MkdirAll(s.path("objects/aa"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path(orphan), []byte("junk"), 0o444); err != nil {
		t.Fatal(err)
	}
	found, err := s.Check(t.Context(), CheckOptions{})
	if err != nil || !slices.ContainsFunc(found.Damage, func(d Damage) bool { return d.Kind == OrphanDamage && d.File == orphan }) {
		t.Fatalf("Check = %+v, %v", found, err)
	}
	if err := s.DropOrphans(t.Context(), orphan); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.path("objects/aa")); err != nil { // empty
		t.Fatal(err)
	}
	if after := listing(t, s.Dir()); after != before {
		t.Errorf("it dropped more:\n%s\nwas\n%s", after, before)
	}
}
