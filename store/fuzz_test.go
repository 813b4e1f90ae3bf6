package store

import (
	"bytes"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
)

// FuzzReadList: what is read is written alike, and no path leads out of a tree.
func FuzzReadList(f *testing.F) {
	var b bytes.Buffer
	if err := writeList(&b, logOf(f, []FileInfo{{"a", someCID, 3}, {"b/c\n", someCID + ".x", 0}})); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(listHeader + "\nend\t0\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var files []FileInfo
		if readList(bytes.NewReader(data), func(f FileInfo) error { files = append(files, f); return nil }) != nil {
			return
		}
		for i, file := range files {
			if !filepath.IsLocal(file.Path) || file.Size < 0 || i > 0 && file.Path <= files[i-1].Path {
				t.Fatalf("%+v got through", file)
			}
		}
		var again bytes.Buffer
		if err := writeList(&again, logOf(t, files)); err != nil {
			t.Fatal(err)
		}
		var back []FileInfo
		err := readList(&again, func(f FileInfo) error { back = append(back, f); return nil })
		if err != nil || !reflect.DeepEqual(back, files) {
			t.Fatalf("%+v became %+v, %v", files, back, err)
		}
	})
}

// FuzzRoot: what a file in roots/ says is what its name says, or nothing.
func FuzzRoot(f *testing.F) {
	f.Add("k-"+someCID, []byte("format = 1\ncid = \""+someCID+"\"\nwhy = \"packed\"\nsince = 2031-05-06T07:08:09Z\n"))
	f.Add(Root{Kind: ProfileRoot, Path: "/p"}.File(), []byte("format = 1\npath = '/p'\nwhy = ''\n"))
	f.Add("k-"+someCID, []byte("format = 2\nkeeps = 'all'\n"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		path := filepath.Join("roots", name)
		r, err := parseRoot(path, data)
		var damaged *RootError
		switch {
		case err != nil && !errors.As(err, &damaged) && !errors.Is(err, ErrNewer):
			t.Fatalf("%v (%T)", err, err)
		case err == nil && (r.File() != filepath.Base(path) || r.CID.Defined() == (r.Path != "")):
			t.Fatalf("%q keeps %+v", name, r)
		}
	})
}

// FuzzLease: a lease that can't be read protects everything; one that can
// protects what stands in it.
func FuzzLease(f *testing.F) {
	f.Add([]byte("12 install x\n" + someCID + "\n"))
	f.Add([]byte("12\n"))
	f.Add([]byte("12 torn\nbafkrei"))
	root := cid.MustParse(someCID)
	f.Fuzz(func(t *testing.T, data []byte) {
		l := parseLease("1-2-3", data)
		if l.All && (l.Roots != nil || !l.Holds(root)) {
			t.Fatalf("%+v", l)
		}
		if bytes.Contains(data, []byte("\n"+someCID+"\n")) && !l.Holds(root) {
			t.Fatalf("%q does not hold what it names: %+v", data, l)
		}
		if !l.All && strings.Count(string(data), "\n") != len(l.Roots)+1 {
			t.Fatalf("%q has %d roots", data, len(l.Roots))
		}
	})
}

// FuzzFormat: only the one version that is known passes.
func FuzzFormat(f *testing.F) {
	for _, s := range []string{"1\n", "2\n", "01", "-1", "99999999999999999999", " 1 "} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := parseFormat(data)
		if n := strings.TrimLeft(strings.TrimSpace(string(data)), "+0"); err == nil && n != "1" {
			t.Fatalf("%q passes", data)
		}
		if err != nil && (len(err.Error()) > 600 || strings.ContainsAny(err.Error(), "\n\x1b")) {
			t.Fatalf("%q", err)
		}
	})
}

// FuzzParseKey: the name of a tree is one name, and the only one of its key.
func FuzzParseKey(f *testing.F) {
	f.Add(someCID + ".any")
	f.Add(someCID + ".linux-amd64-musl")
	f.Add("../" + someCID + ".any")
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseKey(s)
		if err != nil {
			return
		}
		if k.String() != s || !filepath.IsLocal(s) || strings.ContainsAny(s, `/\`) || strings.HasPrefix(s, ".") {
			t.Fatalf("%q is %v", s, k)
		}
	})
}
