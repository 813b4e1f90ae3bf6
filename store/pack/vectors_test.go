package pack

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"ipp/lock/ref"
	"ipp/store/dag"
)

// vector is a package whose CIDs are frozen: every later release has to compute
// the same from the same input.
type vector struct {
	Name    string
	Package string       // name and version, where the tree has no package.toml
	Tree    []vectorItem // what is packed
	Signed  bool         // by the key lock/trust/testdata/alice.private
	// What comes out.
	Root     string
	Manifest string
	DagSize  uint64
	Lines    []string // of the manifest, where they are few
	Text     string   // of the signature
}

// vectorItem is a path: a file with contents (times Repeat), a symlink, or a
// directory. With Count there are that many, and %d in Path is the number.
type vectorItem struct {
	Path     string
	Mode     string // file: "0644" or "0755"
	Contents string
	Repeat   int
	Link     string
	Count    int
}

func (v vector) items() items {
	tree := items{}
	for _, item := range v.Tree {
		contents := strings.Repeat(item.Contents, max(1, item.Repeat))
		if item.Link != "" {
			contents = link + item.Link
		} else if item.Mode == "0755" {
			contents = execPrefix + contents
		}
		if item.Count == 0 {
			tree[item.Path] = contents
		}
		for i := range item.Count {
			tree[fmt.Sprintf(item.Path, i)] = contents
		}
	}
	return tree
}

func TestVectors(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("run bits and symlinks are part of the vectors")
	}
	data, err := os.ReadFile(filepath.Join("testdata", "vectors.json"))
	must(t, err)
	var vectors []vector
	must(t, json.Unmarshal(data, &vectors))
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			in := Input{Path: write(t, t.TempDir(), v.items())}
			if name, version, ok := strings.Cut(v.Package, " "); ok {
				in.Name, in.Version = ref.Name(name), ref.Version(version)
			}
			if v.Signed {
				in.Sign = alice(t).Sign
			}
			b := build(t, in)
			if b.Root.String() != v.Root || b.Manifest.String() != v.Manifest || b.DagSize != v.DagSize {
				t.Errorf("root %s, manifest %s, %d bytes;\nfrozen are %s, %s, %d", b.Root, b.Manifest, b.DagSize, v.Root, v.Manifest, v.DagSize)
			}
			e, err := dag.Resolve(context.Background(), b, b.Root, ManifestName)
			must(t, err)
			manifest, err := dag.ReadFile(context.Background(), b, e, MaxManifest)
			must(t, err)
			if want := strings.Join(v.Lines, "\n") + "\n"; v.Lines != nil && string(manifest) != want {
				t.Errorf("manifest is\n%s\nfrozen is\n%s", manifest, want)
			}
			if v.Signed && signatureOf(t, b) != v.Text {
				t.Errorf("signature is\n%q", signatureOf(t, b))
			}
			checkBuilt(t, b)
		})
	}
	if len(vectors) < 5 {
		t.Errorf("only %d vectors", len(vectors))
	}
}
