package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"ipp/store/durable"

	"github.com/ipfs/go-cid"
)

const someCID = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"

func TestParseKey(t *testing.T) {
	for s, ok := range map[string]bool{
		someCID + ".any":              true,
		someCID + ".linux-amd64-musl": true,
		someCID:                       false,
		someCID + ".":                 false,
		someCID + ".car":              false,
		someCID + ".any.objects":      false,
		someCID + ".a/b":              false,
		"QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn.any": false,
		"x.any": false,
	} {
		k, err := ParseKey(s)
		if (err == nil) != ok || ok && k.String() != s {
			t.Errorf("ParseKey(%q) = %v, %v", s, k, err)
		}
	}
	v0 := cid.MustParse("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn")
	if !SameRoot(v0, cid.NewCidV1(cid.DagProtobuf, v0.Hash())) {
		t.Error("a root is not the same in both versions")
	}
}

// logOf is a log of these files.
func logOf(t testing.TB, files []FileInfo) *fileLog {
	t.Helper()
	l := &fileLog{}
	for _, f := range files {
		key, err := parseObjectKey(f.Object)
		if err != nil {
			t.Fatal(err)
		}
		l.add(f.Path, key, f.Size)
	}
	return l
}

func TestListRoundTrip(t *testing.T) {
	files := []FileInfo{{"a\tb\\n\n", someCID, 3}, {"bin/x", someCID + ".x", 1 << 40}}
	var b bytes.Buffer
	if err := writeList(&b, logOf(t, files)); err != nil {
		t.Fatal(err)
	}
	var got []FileInfo
	collect := func(f FileInfo) error { got = append(got, f); return nil }
	if err := readList(bytes.NewReader(b.Bytes()), collect); err != nil || !reflect.DeepEqual(got, files) {
		t.Errorf("read back %v, %v", got, err)
	}
	for n := range b.Len() - 1 { // the last newline may go
		if err := readList(bytes.NewReader(b.Bytes()[:n]), collect); err == nil {
			t.Errorf("a listing cut at %d bytes was taken whole", n)
		}
	}
}

func TestRoots(t *testing.T) {
	s := newStore(t)
	kept := Root{Kind: KeptRoot, CID: cid.MustParse(someCID), Why: "packed", Since: time.Unix(1000, 0).UTC()}
	if err := errors.Join(s.AddRoot(t.Context(), kept), s.AddRoot(t.Context(), kept)); err != nil {
		t.Fatal(err)
	}
	roots, err := s.Roots()
	if err != nil || len(roots) != 2 || !reflect.DeepEqual(roots[0], kept) || roots[1].Path != "/nowhere" {
		t.Errorf("Roots = %+v, %v", roots, err)
	}
	for _, want := range []bool{true, false} {
		if was, err := s.DropRoot(kept); err != nil || was != want {
			t.Errorf("DropRoot = %v, %v", was, err)
		}
	}
	if _, err := s.DropRoot(roots[1]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Roots(); !errors.Is(err, ErrNoRoots) {
		t.Errorf("Roots of a store without any: %v", err)
	}
	if err := durable.WriteFile(s.path("roots", "k-"+someCID), []byte("format = 1\npath = \"/x\"\nwhy = \"\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Roots(); err == nil || errors.Is(err, ErrNoRoots) {
		t.Errorf("Roots took a file that contradicts its name: %v", err)
	}
	// A newer file may hold keys that this release does not know; it must stay.
	newer := []byte("format = 2\nkeeps = \"more\"\n")
	if err := durable.WriteFile(s.path("roots", "k-"+someCID), newer, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Roots(); !errors.Is(err, ErrNewer) {
		t.Errorf("a newer root: %v", err)
	}
	if err := s.AddRoot(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(s.path("roots", "k-"+someCID)); err != nil || !bytes.Equal(data, newer) {
		t.Errorf("a newer root was written over: %q, %v", data, err)
	}
}

func TestOpenRefusesWithoutAWrite(t *testing.T) {
	for name, format := range map[string]string{"newer": "2\n", "damaged": "one", "empty": ""} {
		s := newStore(t)
		if err := os.WriteFile(s.path("format"), []byte(format), 0o644); err != nil {
			t.Fatal(err)
		}
		before := listing(t, s.Dir())
		if _, err := Open(s.Dir(), Options{}); err == nil || errors.Is(err, ErrNewer) != (name == "newer") {
			t.Errorf("%s: %v", name, err)
		}
		if listing(t, s.Dir()) != before {
			t.Errorf("%s: something was written", name)
		}
	}
	s := newStore(t)
	if err := errors.Join(os.Remove(s.path("format")), os.Mkdir(filepath.Join(s.path("trees"), someCID+".any"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(s.Dir(), Options{}); err == nil {
		t.Error("a store over trees without a format was made")
	}
}

// A root may be dropped between the listing of their names and the reading.
func TestRootsWhileOneIsDropped(t *testing.T) {
	s := newStore(t)
	path, temp := s.path("roots", "k-"+someCID), s.path("roots", ".tmp.root")
	data := []byte("format = 1\ncid = \"" + someCID + "\"\nwhy = \"packed\"\n")
	over := make(chan error)
	go func() {
		for range 1000 {
			err := os.WriteFile(temp, data, 0o644)
			if err = errors.Join(err, os.Rename(temp, path), os.Remove(path)); err != nil {
				over <- err
				return
			}
		}
		over <- nil
	}()
	for {
		if roots, err := s.Roots(); err != nil {
			t.Errorf("Roots = %v, %v", roots, err)
		}
		select {
		case err := <-over:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
	}
}
