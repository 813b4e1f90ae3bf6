package profile

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"ipp/generation"
	"ipp/lock"
	"ipp/lock/ref"
	"ipp/store"

	"github.com/ipfs/go-cid"
)

func TestExamineTellsWhoHolds(t *testing.T) {
	w := newWorld(t)
	a, b, c, none := w.pack("a", "A"), w.pack("b", "B"), w.pack("c", "C"), w.pack("none", "N")
	for _, edit := range []Edit{w.only(a), w.add(b), w.only(c), w.add(a), w.add(b)} {
		w.update(edit)
	}
	w.must(os.WriteFile(w.p.path("5/profile.lock"), []byte("?"), 0o644))
	w.must(os.RemoveAll(w.p.path("3")))
	checked, err := w.p.Examine(t.Context(), w.st, func(context.Context, *generation.Examined) ([]generation.Member, error) {
		return nil, os.ErrInvalid
	})
	w.must(err)
	if fmt.Sprint(checked.Generations) != "[1 2 4 5]" {
		t.Errorf("generations %v", checked.Generations)
	}
	for _, tt := range []struct {
		pkg  lock.Package
		want string
	}{{a, "[1 2 4 5]"}, {b, "[2 5]"}, {c, "[4 5]"}, {none, "[]"}} {
		if got := fmt.Sprint(checked.Holders(store.Key{Root: tt.pkg.CID, Part: store.AnyPart})); got != tt.want {
			t.Errorf("%s is held by %s, want %s", tt.pkg.Name, got, tt.want)
		}
		name, version, ok := checked.Package(tt.pkg.CID)
		if ok != (tt.want != "[]") || ok && (name != tt.pkg.Name || version != "1.0.0") {
			t.Errorf("%s is called %q %q", tt.pkg.Name, name, version)
		}
	}
}

// TestHeldKeepsNoText: what is kept of a generation is no piece of its files, all
// of which that would keep, and grows with what changes, not with the history.
func TestHeldKeepsNoText(t *testing.T) {
	root := cid.MustParse("bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi")
	text := strings.Repeat("x", 100) + "any" + "name" + "1.0.0"
	part, name, version := text[100:103], text[103:107], text[107:]
	x := &generation.Examined{Generation: generation.Generation{
		Info: generation.Info{Trees: []store.Key{{Root: root, Part: part}}},
		Lock: &lock.Lockfile{Packages: []lock.Package{{Name: ref.Name(name), Version: ref.Version(version), CID: root}}},
	}}
	var h held
	for i := range 100 {
		h.add(i, x)
	}
	for k, spans := range h.trees {
		if len(spans) != 1 || unsafe.StringData(k.Part) == unsafe.StringData(part) {
			t.Errorf("%v is kept, with %v", k, spans)
		}
	}
	for _, n := range h.names {
		if unsafe.StringData(string(n.name)) == unsafe.StringData(name) || unsafe.StringData(string(n.version)) == unsafe.StringData(version) {
			t.Errorf("%v is a piece of the text", n)
		}
	}
}
