package pack

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"ipp/lock/ref"
	"ipp/lock/trust"
	"ipp/store"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// alice is the key of package trust's vectors.
func alice(t testing.TB) *trust.Private {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash("../../lock/trust/testdata/alice.private"))
	must(t, err)
	f, err := trust.ParsePrivate(data)
	must(t, err)
	p, err := f.Open(nil)
	must(t, err)
	return p
}

func signatureOf(t testing.TB, b *Built) string {
	t.Helper()
	e, err := dag.Resolve(context.Background(), b, b.Root, SignatureName)
	must(t, err)
	data, err := dag.ReadFile(context.Background(), b, e, trust.MaxSignature)
	must(t, err)
	return string(data)
}

// samePackage compares what packages say of themselves, wherever they were read.
func samePackage(a, b *Package) bool {
	x, y := *a, *b
	x.src, y.src, x.Signature, y.Signature = nil, nil, nil, nil
	if a.Signature == nil || b.Signature == nil {
		return a.Signature == b.Signature && reflect.DeepEqual(x, y)
	}
	return reflect.DeepEqual(x, y) && reflect.DeepEqual(a.Signature.Statement, b.Signature.Statement) && a.Signature.Key.String() == b.Signature.Key.String()
}

var signable = items{"any/share/a": "a", "any/share/deep/b": "bb", "linux-amd64/bin/tool": "x:tool", "linux-arm64/bin/tool": "x:arm", "README": "r", "l": "-> README"}

// TestSign: what is signed is the manifest and what a walk of each part counts,
// and signing changes nothing else.
func TestSign(t *testing.T) {
	dir := write(t, t.TempDir(), signable)
	in := Input{Path: dir, Name: "tool", Version: "1.0.0"}
	plain := build(t, in)
	in.Sign = alice(t).Sign
	b := build(t, in)
	s := b.Signature
	if plain.Signature != nil || s == nil || b.Manifest != plain.Manifest || b.Root == plain.Root {
		t.Fatalf("%+v\n%+v", plain.Package, b.Package)
	}
	manifest := int64(0)
	must(t, dag.Walk(context.Background(), plain, plain.Root, dag.WalkOptions{}, func(e *dag.Entry) error {
		if e.Path == ManifestName || e.Path == MetadataName {
			manifest += e.Size
		}
		return nil
	}))
	want := map[ref.Platform]trust.Size{
		"linux-amd64": {Bytes: 4, Files: 3, Depth: 3}, "linux-arm64": {Bytes: 3, Files: 3, Depth: 3},
		trust.AnyPart: {Bytes: 4 + manifest, Files: 10, Depth: 4}, // root, 2 files and a symlink, manifest, any, share, a, deep, b
	}
	if !maps.Equal(s.Parts, want) {
		t.Errorf("signed %v, want %v", s.Parts, want)
	}
	opened, err := Open(context.Background(), b, b.Root)
	must(t, err)
	if opened.Signature.Key.String() != alice(t).Key.String() || !reflect.DeepEqual(opened.Signature.Statement, s.Statement) {
		t.Errorf("%+v", opened.Signature)
	}
	if again := build(t, in); again.Root != b.Root {
		t.Error("the same input and key give another package")
	}
	faults, err := Verify(context.Background(), b, opened, nil, nil)
	if err != nil || faults != nil {
		t.Errorf("%v, %v", faults, err)
	}
}

// TestSignatureInInput: a package that somebody unpacked is the same when it is
// packed again; a signature of something else is not packed.
func TestSignatureInInput(t *testing.T) {
	in := Input{Path: write(t, t.TempDir(), signable), Name: "tool", Version: "1.0.0", Sign: alice(t).Sign}
	b := build(t, in)
	dir := unpack(t, b, b.Package)
	must(t, os.Chmod(filepath.Join(dir, filepath.FromSlash(SignatureName)), 0o755))
	if again := build(t, Input{Path: dir}); again.Root != b.Root {
		t.Errorf("root = %s, want %s", again.Root, b.Root)
	}
	write(t, dir, items{"README": "other"})
	var bad *SignatureError
	if _, err := Build(context.Background(), Input{Path: dir}); !errors.As(err, &bad) || !strings.Contains(err.Error(), "it signed the manifest") {
		t.Errorf("a stale signature: %v", err)
	}
	if _, err := Build(context.Background(), Input{Path: dir, Exclude: []string{dotDir}}); err != nil {
		t.Error(err)
	}
	in.Path = dir
	if again := build(t, in); again.Signature == nil || again.Manifest == b.Manifest {
		t.Errorf("%+v", again.Package)
	}
	write(t, dir, items{SignatureName: strings.Repeat("s", trust.MaxSignature+1)})
	if _, err := Build(context.Background(), Input{Path: dir}); !errors.As(err, &bad) {
		t.Errorf("a large signature: %v", err)
	}
	var stopped = errors.New("no key")
	in.Sign = func(trust.Statement) ([]byte, error) { return nil, stopped }
	if _, err := Build(context.Background(), in); !errors.Is(err, stopped) {
		t.Error(err)
	}
}

// forged is a signed package in memory whose blocks and whose signed sizes can
// be made to lie.
func forged(t *testing.T, change func(tree items), sizes func(trust.Statement) trust.Statement) (*memory, cid.Cid) {
	t.Helper()
	in := Input{Path: write(t, t.TempDir(), signable), Name: "tool", Version: "1.0.0", Sign: func(s trust.Statement) ([]byte, error) {
		return alice(t).Sign(sizes(s))
	}}
	tree := shape(t, build(t, in))
	tree[SignatureName] = signatureOf(t, build(t, in))
	tree[ManifestName] = manifestOfBuilt(t, build(t, in))
	change(tree)
	return craft(t, tree)
}

func manifestOfBuilt(t *testing.T, b *Built) string {
	t.Helper()
	e, err := dag.Resolve(context.Background(), b, b.Root, ManifestName)
	must(t, err)
	data, err := dag.ReadFile(context.Background(), b, e, MaxManifest)
	must(t, err)
	return string(data)
}

// TestSignedPartIsChecked: of a signed package nothing is written that was not
// signed, though every block is what its CID says.
func TestSignedPartIsChecked(t *testing.T) {
	same := func(s trust.Statement) trust.Statement { return s }
	larger := func(s trust.Statement) trust.Statement {
		s.Parts[trust.AnyPart] = s.Parts[trust.AnyPart].Plus(trust.Size{Files: 9})
		return s
	}
	lower := func(part ref.Platform, less trust.Size) func(trust.Statement) trust.Statement {
		return func(s trust.Statement) trust.Statement {
			size := s.Parts[part]
			s.Parts[part] = trust.Size{Bytes: size.Bytes - less.Bytes, Files: size.Files - less.Files, Depth: size.Depth - less.Depth}
			return s
		}
	}
	both := func(s trust.Statement) trust.Statement {
		return lower("linux-amd64", trust.Size{Depth: 1})(lower(trust.AnyPart, trust.Size{Depth: 2})(s))
	}
	for _, c := range []struct {
		name   string
		change func(items)
		sizes  func(trust.Statement) trust.Statement
		want   string // "": it is in order
	}{
		{"as it was signed", func(items) {}, same, ""},
		{"changed", func(tree items) { tree["linux-amd64/bin/tool"] = "x:evil" }, same, "linux-amd64/bin/tool is missing or changed"},
		{"changed below any", func(tree items) { tree["any/share/deep/b"] = "xx" }, same, "any/share/deep/b is missing or changed"},
		{"another platform changed", func(tree items) { tree["linux-arm64/bin/tool"] = "x:evil" }, same, "linux-arm64 is missing or changed"},
		{"run bit", func(tree items) { tree["README"] = "x:r" }, same, "README is missing or changed"},
		{"extra, and small enough", func(tree items) {
			tree["linux-amd64/bin/u"], tree["README"] = "x:", ""
			delete(tree, "l")
		}, same, "README is missing or changed; l is missing or changed; linux-amd64/bin is missing or changed"},
		{"extra alone", func(tree items) { tree["more"] = "" }, larger, "it has more than PackManifest lists: 1"},
		{"missing", func(tree items) { delete(tree, "l") }, same, "l is missing or changed"},
		{"fewer bytes signed", func(items) {}, lower("linux-amd64", trust.Size{Bytes: 1}), "more bytes at"},
		{"fewer files signed", func(items) {}, lower(trust.AnyPart, trust.Size{Files: 1}), "more files at"},
		{"less depth signed", func(items) {}, both, "more directories deep at"},
		{"another platform's size", func(items) {}, lower("linux-arm64", trust.Size{Bytes: 1}), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, root := forged(t, c.change, c.sizes)
			p, err := Open(context.Background(), m, root)
			must(t, err)
			dir := t.TempDir()
			s, err := store.Open(dir, store.Options{})
			must(t, err)
			_, err = s.Plan(context.Background(), p.Want("linux-amd64", dag.DefaultLimits()), m)
			err = p.Blame("linux-amd64", err)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want %q", err, c.want)
			}
			if err != nil && !strings.Contains(err.Error(), "alice (tqwi2-mdwmx-4ckbb-l4sid)") {
				t.Errorf("it does not say whose word that was: %v", err)
			}
			for _, sub := range []string{"objects", "trees", "staging"} {
				if names, err := os.ReadDir(dir + "/" + sub); err != nil || len(names) > 0 {
					t.Errorf("%s holds %v (%v)", sub, names, err)
				}
			}
			faults, err := Verify(context.Background(), m, p, []ref.Platform{"linux-amd64"}, nil)
			if err != nil || (len(faults) == 0) != (c.want == "") {
				t.Errorf("verify: %v, %v", faults, err)
			}
		})
	}
}

// TestSignatureOfAnother: a signature is good for one package alone.
func TestSignatureOfAnother(t *testing.T) {
	for name, c := range map[string]struct {
		change func(trust.Statement) trust.Statement
		want   string
	}{
		"name":      {func(s trust.Statement) trust.Statement { s.Name = "other"; return s }, "it signed other 1.0.0, and this is tool 1.0.0"},
		"version":   {func(s trust.Statement) trust.Statement { s.Version = "0.9.0"; return s }, "it signed tool 0.9.0, and this is tool 1.0.0"},
		"manifest":  {func(s trust.Statement) trust.Statement { s.Manifest = cid.MustParse(libraryCID); return s }, "and this is the manifest"},
		"platforms": {func(s trust.Statement) trust.Statement { delete(s.Parts, "linux-arm64"); return s }, "and this is the parts"},
	} {
		_, err := Build(context.Background(), Input{Path: write(t, t.TempDir(), signable), Name: "tool", Version: "1.0.0",
			Sign: func(s trust.Statement) ([]byte, error) { return alice(t).Sign(c.change(s)) }})
		var bad *SignatureError
		var mismatch *trust.MismatchError
		if !errors.As(err, &bad) || !errors.As(err, &mismatch) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := build(t, Input{Path: write(t, t.TempDir(), signable), Name: "tool", Version: "1.0.0", Sign: alice(t).Sign})
	for _, lacks := range []string{MetadataName, ManifestName} {
		tree := shape(t, b)
		tree[SignatureName], tree[ManifestName] = signatureOf(t, b), manifestOfBuilt(t, b)
		delete(tree, lacks)
		m, root := craft(t, tree)
		if _, err := Open(context.Background(), m, root); err == nil || !strings.Contains(err.Error(), "lacks what is signed") {
			t.Errorf("without %s: %v", lacks, err)
		}
	}
}
