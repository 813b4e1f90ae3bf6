package dag

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"github.com/ipfs/go-cid"
)

func TestResolve(t *testing.T) {
	f := newForge()
	root := sample(f).cid
	for path, kind := range map[string]Kind{
		"": Dir, "/": Dir, "a": File, "sub": Dir, "sub/": Dir, "/sub/x": File, "sub/up": Symlink, "run": File, "big": File,
	} {
		if e, err := Resolve(t.Context(), f, root, path); err != nil || e.Kind != kind {
			t.Errorf("%q: %+v, %v; want a %s", path, e, err, kind)
		}
	}
	for _, path := range []string{"b", "sub/b", "a/b", "big/b", "sub/up/b", "b/c"} {
		if e, err := Resolve(t.Context(), f, root, path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %+v, %v; want fs.ErrNotExist", path, e, err)
		}
	}
	for _, path := range []string{"..", "sub/../a", "sub//x", ".", "a\x00"} {
		_, err := Resolve(t.Context(), f, root, path)
		if _, ok := errors.AsType[*NameError](err); !ok {
			t.Errorf("%q: %v; want a NameError", path, err)
		}
	}
	if _, err := Resolve(t.Context(), f, f.dir(f.raw("a").as("a"), f.raw("b").as("A")).cid, "a"); err == nil {
		t.Error("a was found in a directory that Walk refuses")
	}
}

func TestList(t *testing.T) {
	f := newForge()
	a, b := f.raw("a"), f.raw("b")
	got, err := List(t.Context(), f, f.dir(b.as("b"), a.as("B"+"c"), a.as("a")).cid, Limits{})
	if err != nil || len(got) != 3 || got[0].Path != "Bc" || got[1].Path != "a" || got[2].CID != b.cid {
		t.Errorf("%+v, %v", got, err)
	}
	for name, l := range map[string]link{"a leaf": a, "a file": f.framed(typeFile, "x"), "a symlink": f.symlink("x")} {
		if _, err := List(t.Context(), f, l.cid, Limits{}); err == nil {
			t.Errorf("%s was listed", name)
		}
	}
}

func TestReadFile(t *testing.T) {
	f := newForge()
	root := sample(f).cid
	for path, want := range map[string]string{"a": "hello", "big": "abcde", "framed": "framed", "zero": "", "run": "run", "mode": "m"} {
		e, err := Resolve(t.Context(), f, root, path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadFile(t.Context(), f, e, int64(len(want)))
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
		if _, err := ReadFile(t.Context(), f, e, int64(len(want))-1); !isLimit(err, "bytes") {
			t.Errorf("%s beyond its limit: %v", path, err)
		}
	}
	e, err := Resolve(t.Context(), f, root, "big")
	if err != nil {
		t.Fatal(err)
	}
	f.blocks[e.Leaves[1].CID] = []byte("dX")
	if _, err := ReadFile(t.Context(), f, e, 100); !isHash(err) {
		t.Errorf("a changed leaf: %v, want a HashError", err)
	}
	e.Kind = Symlink
	if _, err := ReadFile(t.Context(), f, e, 100); err == nil {
		t.Error("a symlink was read")
	}
}

func isHash(err error) bool {
	_, ok := errors.AsType[*HashError](err)
	return ok
}

func TestReadLeaf(t *testing.T) {
	f := newForge()
	inner := f.file([]link{f.raw("a")}, 1)
	for _, c := range []struct {
		l  Leaf
		ok bool
	}{
		{Leaf{CID: f.raw("abc").cid, Size: 3}, true},
		{Leaf{CID: f.raw("abc").cid, Size: 2}, false},
		{Leaf{CID: f.framed(typeFile, "abc").cid, Size: 3}, true},
		{Leaf{CID: f.framed(typeRaw, "abc").cid, Size: 4}, false},
		{Leaf{CID: identity(cid.Raw, []byte("abc")).cid, Size: 3}, true},
		{Leaf{CID: inner.cid, Size: 1}, false},
		{Leaf{CID: f.dir().cid}, false},
		{Leaf{CID: sum(cid.DagCBOR, []byte("abc")), Size: 3}, false},
		{Leaf{}, false},
	} {
		got, err := ReadLeaf(t.Context(), f, c.l)
		if (err == nil) != c.ok || c.ok && string(got) != "abc" {
			t.Errorf("%+v: %q, %v", c.l, got, err)
		}
	}
}

func TestGet(t *testing.T) {
	f := newForge()
	a := f.raw("hello")
	if data, err := Get(t.Context(), f, a.cid); err != nil || string(data) != "hello" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := Get(t.Context(), f, sum(cid.Raw, []byte("absent"))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	i := identity(cid.Raw, []byte("inside"))
	if data, err := Get(t.Context(), f, i.cid); err != nil || string(data) != "inside" || f.asked[i.cid] > 0 {
		t.Errorf("inline: %q, %v, asked %d times", data, err, f.asked[i.cid])
	}
	f.blocks[a.cid] = []byte("hellO")
	if _, err := Get(t.Context(), f, a.cid); !isHash(err) {
		t.Errorf("changed: %v", err)
	}
	big := f.put(cid.Raw, make([]byte, MaxBlock+1))
	if _, err := Get(t.Context(), f, big.cid); !bytes.Contains([]byte(errString(err)), []byte("more than 2097152 bytes")) {
		t.Errorf("large: %v", err)
	}
	if _, err := Get(t.Context(), f, f.put(cid.Raw, make([]byte, MaxBlock)).cid); err != nil {
		t.Errorf("as large as allowed: %v", err)
	}
}

func errString(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
