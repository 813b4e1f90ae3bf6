package pack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"ipp/lock/ref"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// verifiable is a package with something of everything.
var verifiable = items{
	"linux-amd64/bin/tool": "x:t", "linux-arm64/bin/tool": "x:u", "any/share/a": "a", "any/share/deep/b": "b",
	"README": "r", "l": "-> any/share", "empty/": "",
}

// unpack writes a package to disk, as `ipfs get` would with its run bits.
func unpack(t *testing.T, b dag.Blocks, p *Package) string {
	t.Helper()
	dir := t.TempDir()
	tree := items{}
	for at, e := range walkAll(t, b, p) {
		switch e.Kind {
		case dag.Dir:
			if at != "" {
				tree[at+"/"] = ""
			}
		case dag.Symlink:
			tree[at] = link + e.Target
		case dag.File:
			data, err := dag.ReadFile(context.Background(), b, e, 16<<20)
			must(t, err)
			tree[at] = string(data)
			if e.Exec {
				tree[at] = execPrefix + string(data)
			}
		}
	}
	return write(t, dir, tree)
}

func TestVerifyDir(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symlinks and run bits are what is tested")
	}
	in := items{}
	for at, contents := range verifiable {
		in[at] = contents
	}
	b := build(t, Input{Path: write(t, t.TempDir(), in), Name: "tool", Version: "1.0.0", Sign: alice(t).Sign})
	for _, c := range []struct {
		name   string
		change func(dir string)
		want   []Fault
	}{
		{"nothing", func(string) {}, nil},
		{"modes that say nothing", func(dir string) {
			must(t, os.Chmod(filepath.Join(dir, "README"), 0o600))
			must(t, os.Chmod(filepath.Join(dir, "linux-amd64/bin/tool"), 0o700))
			must(t, os.Chmod(filepath.Join(dir, MetadataName), 0o755))
			must(t, os.Chmod(filepath.Join(dir, ManifestName), 0o755))
		}, nil},
		{"changed", func(dir string) { write(t, dir, items{"any/share/deep/b": "c"}) }, []Fault{{"any/share/deep/b", whyChanged}}},
		{"grown", func(dir string) { write(t, dir, items{"README": "rr"}) }, []Fault{{"README", whyChanged}}},
		{"run bit lost", func(dir string) { must(t, os.Chmod(filepath.Join(dir, "linux-amd64/bin/tool"), 0o644)) },
			[]Fault{{"linux-amd64/bin/tool", "is changed: its run bit is missing"}}},
		{"run bit won", func(dir string) { must(t, os.Chmod(filepath.Join(dir, "README"), 0o755)) },
			[]Fault{{"README", "is changed: it has a run bit"}}},
		{"missing", func(dir string) { must(t, os.Remove(filepath.Join(dir, "any/share/a"))) }, []Fault{{"any/share/a", whyMissing}}},
		{"missing directory", func(dir string) { must(t, os.RemoveAll(filepath.Join(dir, "any/share"))) }, []Fault{{"any/share", whyMissing}}},
		{"missing empty directory", func(dir string) { must(t, os.Remove(filepath.Join(dir, "empty"))) }, []Fault{{"empty", whyMissing}}},
		{"extra", func(dir string) { write(t, dir, items{"any/share/x": "", "empty/y/z": ""}) }, []Fault{{"any/share/x", whyExtra}, {"empty/y", whyExtra}}},
		{"extra empty directory", func(dir string) { write(t, dir, items{"any/x/": ""}) }, []Fault{{"any/x", whyExtra}}},
		{"renamed", func(dir string) {
			must(t, os.Rename(filepath.Join(dir, "README"), filepath.Join(dir, "README2")))
		}, []Fault{{"README", whyMissing}, {"README2", whyExtra}}},
		{"link changed", func(dir string) {
			must(t, os.Remove(filepath.Join(dir, "l")))
			write(t, dir, items{"l": "-> any"})
		}, []Fault{{"l", whyChanged}}},
		{"file for directory", func(dir string) {
			must(t, os.Remove(filepath.Join(dir, "empty")))
			write(t, dir, items{"empty": ""})
		}, []Fault{{"empty", whyChanged}}},
		{"metadata changed", func(dir string) {
			write(t, dir, items{MetadataName: generated + "# more\nplatforms = [\"linux-amd64\", \"linux-arm64\"]\n"})
		},
			[]Fault{{MetadataName, whyChanged}}},
		{"dot names", func(dir string) { write(t, dir, items{".git/a": "", ".a": "", "PackManifest.tmp": ""}) },
			[]Fault{{".a", "is extra: it has no place in a package"}, {".git", "is extra: it has no place in a package"}, {"PackManifest.tmp", "is extra: it has no place in a package"}}},
		{"more in .ipp", func(dir string) { write(t, dir, items{".ipp/more": ""}) }, []Fault{{".ipp/more", "is extra: it has no place in a package"}}},
		{"signature changed", func(dir string) { write(t, dir, items{".ipp/signature": "other"}) },
			[]Fault{{".ipp/signature", "read signature: it is no signed note"}}},
		{"signature of another", func(dir string) {
			other := build(t, Input{Path: write(t, t.TempDir(), in), Name: "tool", Version: "1.0.1", Sign: alice(t).Sign})
			write(t, dir, items{".ipp/signature": signatureOf(t, other)})
		}, []Fault{{".ipp/signature", "check signature of alice (tqwi2-mdwmx-4ckbb-l4sid): it signed tool 1.0.1, and this is tool 1.0.0"}}},
		{"link outside", func(dir string) { write(t, dir, items{"any/bad": "-> /etc/passwd"}) },
			[]Fault{{"any/bad", `read "any/bad": symlink target "/etc/passwd" is absolute`}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := unpack(t, b, b.Package)
			c.change(dir)
			before := snapshot(t, dir)
			p, faults, err := VerifyDir(context.Background(), dir, nil)
			must(t, err)
			if len(faults) != len(c.want) || len(faults) > 0 && !reflect.DeepEqual(faults, c.want) {
				t.Errorf("faults = %q, want %q", faults, c.want)
			}
			if same := c.want == nil && c.name != "signature changed"; same && p.Root != b.Root {
				t.Errorf("root = %s, built %s", p.Root, b.Root)
			}
			if before != snapshot(t, dir) {
				t.Error("the directory was written to")
			}
		})
	}
}

func TestVerifyDirWithout(t *testing.T) {
	dir := write(t, t.TempDir(), items{"bin/a": "x:a"})
	p, faults, err := VerifyDir(context.Background(), dir, nil)
	if err != nil || len(faults) > 0 || p.Manifest.Defined() || p.Meta != nil || !p.Root.Defined() {
		t.Errorf("%+v, %v, %v", p, faults, err)
	}
	if _, _, err := VerifyDir(context.Background(), filepath.Join(dir, "no"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error = %v", err)
	}
	write(t, dir, items{ManifestName: "noise\n"})
	var syntax *SyntaxError
	if _, _, err := VerifyDir(context.Background(), dir, nil); !errors.As(err, &syntax) {
		t.Errorf("error = %v", err)
	}
	write(t, dir, items{ManifestName: v0CID + "\tf0000120001\t.\n"})
	var format *FormatError
	if _, _, err := VerifyDir(context.Background(), dir, nil); !errors.As(err, &format) || format.Format != "f0000120001" {
		t.Errorf("error = %v", err)
	}
	write(t, dir, items{MetadataName: "noise\n"})
	if _, _, err := VerifyDir(context.Background(), dir, nil); !errors.As(err, &syntax) {
		t.Errorf("error = %v", err)
	}
}

func TestVerify(t *testing.T) {
	ctx := context.Background()
	b := build(t, Input{Path: write(t, t.TempDir(), verifiable), Name: "tool", Version: "1.0.0"})
	all := walkAll(t, b, b.Package)
	var read atomic.Int64
	faults, err := Verify(ctx, b, b.Package, nil, func(n int64) { read.Add(n) })
	if err != nil || len(faults) > 0 || read.Load() != b.Bytes {
		t.Errorf("%v, %v, %d bytes of %d", faults, err, read.Load(), b.Bytes)
	}

	t.Run("changed leaf", func(t *testing.T) {
		bad := corrupt{b, all["any/share/deep/b"].CID}
		faults, err := Verify(ctx, bad, b.Package, nil, nil)
		if err != nil || len(faults) != 1 || faults[0].Path != "any/share/deep/b" || !strings.Contains(faults[0].Why, "hash to") {
			t.Errorf("%v, %v", faults, err)
		}
	})
	t.Run("changed leaf of a program", func(t *testing.T) {
		bad := corrupt{b, all["linux-amd64/bin/tool"].Leaves[0].CID}
		faults, err := Verify(ctx, bad, b.Package, nil, nil)
		if err != nil || len(faults) != 1 || faults[0].Path != "linux-amd64/bin/tool" {
			t.Errorf("%v, %v", faults, err)
		}
	})
	t.Run("changed directory", func(t *testing.T) {
		bad := corrupt{b, all["any/share"].CID}
		faults, err := Verify(ctx, bad, b.Package, nil, nil)
		if err != nil || len(faults) != 1 || !strings.Contains(faults[0].Why, `"any/share"`) {
			t.Errorf("%v, %v", faults, err)
		}
	})
	t.Run("missing leaf", func(t *testing.T) {
		bad := blocksOf{b, func(c cid.Cid) bool { return c == all["README"].CID }}
		faults, err := Verify(ctx, bad, b.Package, nil, nil)
		if err != nil || len(faults) != 1 || faults[0].Path != "README" {
			t.Errorf("%v, %v", faults, err)
		}
	})
	t.Run("one platform", func(t *testing.T) {
		other := all["linux-arm64"].CID
		bad := blocksOf{b, func(c cid.Cid) bool { return c == other }}
		faults, err := Verify(ctx, bad, b.Package, []ref.Platform{"linux-amd64"}, nil)
		if err != nil || len(faults) > 0 {
			t.Errorf("%v, %v", faults, err)
		}
	})
	t.Run("canceled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := Verify(ctx, b, b.Package, nil, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v", err)
		}
	})
	t.Run("broken source", func(t *testing.T) {
		if _, err := Verify(ctx, broken{b}, b.Package, nil, nil); !errors.Is(err, errBroken) {
			t.Errorf("error = %v", err)
		}
	})
}

// corrupt changes one block.
type corrupt struct {
	dag.Blocks
	which cid.Cid
}

func (b corrupt) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	if c == b.which {
		return liar{b.Blocks}.Block(ctx, c)
	}
	return b.Blocks.Block(ctx, c)
}

// broken fails for raw leaves.
type broken struct{ dag.Blocks }

var errBroken = errors.New("broken")

func (b broken) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	if c.Type() == cid.Raw {
		return nil, errBroken
	}
	return b.Blocks.Block(ctx, c)
}

// TestVerifyManifest: a DAG whose hashes are right, and whose manifest is not
// about it.
func TestVerifyManifest(t *testing.T) {
	ctx := context.Background()
	meta := metadata("platforms = [\"linux-amd64\", \"linux-arm64\"]\n")
	tree := items{"package.toml": meta, "linux-amd64/a": "1", "linux-arm64/a": "2", "any/b": "3"}
	// line is a line of the manifest of what tree holds at a path.
	m, root := craft(t, tree)
	line := func(at string) Line {
		if at == "." {
			return Line{CID: root, Format: FormatToken, Path: "."}
		}
		e, err := dag.Resolve(ctx, m, root, at)
		must(t, err)
		return Line{CID: e.CID, Format: FormatToken, Path: at}
	}
	full := []Line{line("any"), line("any/b"), line("linux-amd64"), line("linux-amd64/a"), line("linux-arm64"), line("linux-arm64/a"), line("package.toml"), line(".")}
	without := func(path string) []Line {
		var lines []Line
		for _, l := range full {
			if l.Path != path {
				lines = append(lines, l)
			}
		}
		return lines
	}
	with := func(path string, c cid.Cid) []Line {
		return append(without(path), Line{CID: c, Format: FormatToken, Path: path})
	}
	wrong := line("any/b").CID
	one := []ref.Platform{"linux-amd64"}
	for _, c := range []struct {
		name  string
		lines []Line
		read  []ref.Platform
		want  []Fault
	}{
		{"right", full, nil, nil},
		{"right, one platform", full, one, nil},
		{"line too few", without("any/b"), nil, []Fault{{"any/b", whyExtra}}},
		{"directory's line too few", without("any"), nil, []Fault{{"any", whyExtra}}},
		{"line too many", with("any/c", wrong), nil, []Fault{{"any/c", whyMissing}}},
		{"other CID", with("package.toml", wrong), nil, []Fault{{"package.toml", whyChanged}}},
		{"other CID of a directory", with("any", wrong), nil, []Fault{{"any", whyChanged}}},
		{"other root", with(".", wrong), nil, []Fault{{".", whyChanged}}},
		{"other root, one platform", with(".", wrong), one, []Fault{{".", whyChanged}}},
		{"other platform's directory", with("linux-arm64", wrong), one, []Fault{{"linux-arm64", whyChanged}}},
		{"other platform's file", with("linux-arm64/a", wrong), one, nil},
		{"other platform's file, read", with("linux-arm64/a", wrong), nil, []Fault{{"linux-arm64/a", whyChanged}}},
		{"platform's line missing", without("linux-arm64"), one, []Fault{{"linux-arm64", whyExtra}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := items{ManifestName: string(EncodeManifest(c.lines))}
			for at, contents := range tree {
				in[at] = contents
			}
			m, root := craft(t, in)
			p, err := Open(ctx, m, root)
			must(t, err)
			faults, err := Verify(ctx, m, p, c.read, nil)
			if err != nil || len(faults) != len(c.want) || len(faults) > 0 && !reflect.DeepEqual(faults, c.want) {
				t.Errorf("%v: faults = %q, want %q", err, faults, c.want)
			}
		})
	}
	t.Run("no manifest", func(t *testing.T) {
		p, err := Open(ctx, m, root)
		must(t, err)
		if faults, err := Verify(ctx, m, p, nil, nil); err != nil || len(faults) > 0 {
			t.Errorf("%v, %v", faults, err)
		}
	})
	for name, manifest := range map[string]items{
		"malformed":   {ManifestName: "noise"},
		"a directory": {ManifestName + "/a": ""},
	} {
		t.Run(name, func(t *testing.T) {
			manifest[MetadataName] = metadata("")
			m, root := craft(t, manifest)
			p, err := Open(ctx, m, root)
			must(t, err)
			if faults, err := Verify(ctx, m, p, nil, nil); err == nil {
				t.Errorf("faults %v", faults)
			}
		})
	}
}

// TestVerifyForeign: a package that ipfs-pack made, with another importer. Its
// "." can't be recomputed, everything else can be compared.
func TestVerifyForeign(t *testing.T) {
	m, root := craft(t, items{"a": "1"})
	e, err := dag.Resolve(context.Background(), m, root, "a")
	must(t, err)
	manifest := EncodeManifest([]Line{{e.CID, "f0000120001", "a"}, {cid.MustParse(v0CID), "f0000120001", "."}})
	m, root = craft(t, items{"a": "1", ManifestName: string(manifest)})
	p, err := Open(context.Background(), m, root)
	must(t, err)
	if faults, err := Verify(context.Background(), m, p, nil, nil); err != nil || len(faults) > 0 {
		t.Errorf("%v, %v", faults, err)
	}
}

func TestVerifyLibraries(t *testing.T) {
	ctx := context.Background()
	lib := build(t, Input{Path: write(t, t.TempDir(), items{"a": "1"}), Name: "z", Version: "1"})
	meta := metadata("[libraries]\nz = \"" + lib.Root.String() + "\"\n")
	b := build(t, Input{Path: write(t, t.TempDir(), items{"package.toml": meta}), Lookup: func(context.Context, cid.Cid) (dag.Blocks, error) { return lib, nil }})
	checkBuilt(t, b)
	bad := corrupt{b, walkAll(t, b, b.Package)["deps/z/a"].CID}
	if faults, err := Verify(ctx, bad, b.Package, nil, nil); err != nil || len(faults) != 1 || faults[0].Path != "deps/z/a" {
		t.Errorf("%v, %v", faults, err)
	}
	dir := unpack(t, b, b.Package)
	p, faults, err := VerifyDir(ctx, dir, nil)
	if err != nil || len(faults) > 0 || p.Root != b.Root {
		t.Errorf("%v, %v", faults, err)
	}
	write(t, dir, items{"deps/z/a": "2"})
	if _, faults, err = VerifyDir(ctx, dir, nil); err != nil || fmt.Sprint(faults) != "[{deps/z "+whyChanged+"} {deps/z is not the library that package.toml names}]" {
		t.Errorf("%q, %v", faults, err)
	}
	other := metadata("[libraries]\nz = \"" + libraryCID + "\"\ny = \"" + libraryCID + "\"\n")
	m, root := craft(t, items{"package.toml": other, "deps/z/a": "1", ManifestName: manifestLine(".")})
	p, err = Open(ctx, m, root)
	must(t, err)
	faults, err = Verify(ctx, m, p, nil, nil)
	if err != nil || !strings.Contains(fmt.Sprint(faults), "{deps/y is missing: package.toml names that library}") ||
		!strings.Contains(fmt.Sprint(faults), "{deps/z is not the library that package.toml names}") {
		t.Errorf("%q, %v", faults, err)
	}
}
