package pack

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"ipp/lock/ref"
	"ipp/lock/trust"
	"ipp/store"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// memory is a package made by hand, with whatever is wrong with it.
type memory struct {
	*dag.Builder
	leaves map[cid.Cid][]byte
}

func (m *memory) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	if data, ok := m.leaves[c]; ok {
		return data, nil
	}
	return m.Builder.Block(ctx, c)
}

func newMemory() *memory {
	return &memory{Builder: dag.NewBuilder(), leaves: map[cid.Cid][]byte{}}
}

func (m *memory) file(t testing.TB, contents string, exec bool) dag.Link {
	t.Helper()
	leaves, err := dag.NewPool(1).Leaves(context.Background(), strings.NewReader(contents), int64(len(contents)), nil)
	must(t, err)
	for _, l := range leaves {
		m.leaves[l.CID] = []byte(contents[l.Offset : l.Offset+l.Size])
	}
	link, err := m.File(leaves, exec)
	must(t, err)
	return link
}

// framed marks contents that stand in a dag-pb leaf, as other tools write them.
const framed = "pb:"

func (m *memory) framed(contents string) dag.Link {
	n := byte(len(contents)) // below 128, so one byte each
	inner := append([]byte{0x08, 2, 0x12, n}, contents...)
	inner = append(inner, 0x18, n)
	block := append([]byte{0x0a, byte(len(inner))}, inner...)
	c := sum(cid.DagProtobuf, block)
	m.leaves[c] = block
	return dag.Link{CID: c, Tsize: uint64(len(block))}
}

// craft makes a DAG of items, as they are.
func craft(t testing.TB, tree items) (*memory, cid.Cid) {
	t.Helper()
	m := newMemory()
	root := m.tree(t, tree)
	return m, root.CID
}

func (m *memory) tree(t testing.TB, tree items) dag.Link {
	t.Helper()
	entries, below := map[string]dag.Link{}, map[string]items{}
	for at, contents := range tree {
		top, rest, deeper := strings.Cut(at, "/")
		target, isLink := strings.CutPrefix(contents, link)
		body, exec := strings.CutPrefix(contents, execPrefix)
		switch {
		case deeper:
			if below[top] == nil {
				below[top] = items{}
			}
			if rest != "" {
				below[top][rest] = contents
			}
		case isLink:
			l, err := m.Symlink(target)
			must(t, err)
			entries[top] = l
		case strings.HasPrefix(contents, framed):
			entries[top] = m.framed(strings.TrimPrefix(contents, framed))
		default:
			entries[top] = m.file(t, body, exec)
		}
	}
	for name, sub := range below {
		entries[name] = m.tree(t, sub)
	}
	l, err := m.Dir(entries)
	must(t, err)
	return l
}

func TestOpen(t *testing.T) {
	m, root := craft(t, items{
		"package.toml": metadata("platforms = [\"linux-amd64\"]\n"), "PackManifest": "p",
		"linux-amd64/a": "a", "z": "",
	})
	p, err := Open(context.Background(), m, root)
	must(t, err)
	e, err := dag.Resolve(context.Background(), m, root, ManifestName)
	must(t, err)
	block, err := m.Block(context.Background(), root)
	must(t, err)
	size, err := dag.CumulativeSize(root, block)
	must(t, err)
	meta, err := ParseMetadata("", []byte(metadata("platforms = [\"linux-amd64\"]\n")))
	must(t, err)
	want := &Package{
		Root: root, Meta: meta, Manifest: e.CID, DagSize: size, src: m,
		Top: []string{"PackManifest", "linux-amd64", "package.toml", "z"},
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
}

func TestOpenAnyDirectory(t *testing.T) {
	m, root := craft(t, items{"bin/a": "x:", ".git/config": "", ".ipp/what": ""})
	p, err := Open(context.Background(), m, root)
	if err != nil || p.Meta != nil || p.Manifest.Defined() || p.Signature != nil {
		t.Errorf("%v: %+v", err, p)
	}
}

func TestOpenRefused(t *testing.T) {
	valid := metadata("")
	for _, c := range []struct {
		name string
		tree items
		want string
		as   any
	}{
		{"metadata is a directory", items{"package.toml/a": ""}, "package.toml is not a file", new(*LayoutError)},
		{"metadata is a symlink", items{"package.toml": "-> a", "a": valid}, "package.toml is not a file", new(*LayoutError)},
		{"metadata is malformed", items{"package.toml": valid + "nam = 1"}, `package.toml:4:1: unknown key "nam"`, new(*SyntaxError)},
		{"metadata is newer", items{"package.toml": "format = 2"}, "needs a newer ipp", ErrNewer},
		{"metadata is large", items{"package.toml": valid + strings.Repeat("#", MaxMetadata)}, "more than 262144 bytes", new(*dag.LimitError)},
		{"dot names", items{"package.toml": valid, ".git/a": "", ".a": ""}, ".a, .git", new(*DotNamesError)},
		{"dot names under a manifest", items{"PackManifest": "", ".a": ""}, ".a", new(*DotNamesError)},
		{"manifest's temporary", items{"package.toml": valid, "PackManifest.tmp": ""}, "PackManifest.tmp has no place in it", new(*LayoutError)},
		{"more in .ipp", items{"package.toml": valid, ".ipp/signature": "", ".ipp/a": ""}, `".ipp/a" has no place in it`, new(*LayoutError)},
		{"signature is a symlink", items{"package.toml": valid, "PackManifest": "", ".ipp/signature": "-> ../a"}, ".ipp/signature is a symlink, not a file", new(*LayoutError)},
		{"signature is none", items{"package.toml": valid, "PackManifest": "", ".ipp/signature": "s"}, "it is no signed note", new(*SignatureError)},
		{"signature is large", items{"package.toml": valid, "PackManifest": "", ".ipp/signature": strings.Repeat("s", trust.MaxSignature+1)}, "more than 65536 bytes", new(*dag.LimitError)},
		{".ipp is a file", items{"package.toml": valid, ".ipp": ""}, ".ipp is not a directory", new(*LayoutError)},
		{"platform missing", items{"package.toml": metadata("platforms = [\"linux-amd64\"]\n"), "any/a": ""}, "names the platform linux-amd64, but there is no directory", new(*LayoutError)},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, root := craft(t, c.tree)
			_, err := Open(context.Background(), m, root)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error = %v, want %s", err, c.want)
			}
			if want, ok := c.as.(error); ok && !errors.Is(err, want) || !ok && !errors.As(err, c.as) {
				t.Errorf("error %v (%T) is no %T", err, err, c.as)
			}
		})
	}
}

func TestOpenNoDirectory(t *testing.T) {
	m := newMemory()
	raw, exec := m.file(t, "a", false), m.file(t, "a", true)
	sym, err := m.Symlink("a")
	must(t, err)
	for _, c := range []struct {
		root cid.Cid
		want string
	}{
		{raw.CID, "it is a file, not a directory"}, {exec.CID, "it is a file, not a directory"}, {sym.CID, "it is a symlink, not a directory"},
	} {
		_, err := Open(context.Background(), m, c.root)
		var e *NotDirError
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error = %v, want %s", err, c.want)
		}
	}
	other, root := craft(t, items{"a": ""})
	if _, err := Open(context.Background(), m, root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error = %v", err)
	}
	bad := blocksOf{Blocks: liar{other}}
	var hash *dag.HashError
	if _, err := Open(context.Background(), bad, root); !errors.As(err, &hash) {
		t.Errorf("error = %v", err)
	}
}

// liar changes a byte of every block.
type liar struct{ dag.Blocks }

func (l liar) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	data, err := l.Blocks.Block(ctx, c)
	data = slices.Clone(data)
	if len(data) > 0 {
		data[len(data)-1] ^= 1
	}
	return data, err
}

// TestOpenAsksOnce: what is behind Blocks may be a network.
func TestOpenAsksOnce(t *testing.T) {
	b := build(t, Input{Path: write(t, t.TempDir(), items{"package.toml": metadata(""), "a": ""}), Sign: alice(t).Sign})
	asked := map[cid.Cid]int{}
	_, err := Open(context.Background(), blocksOf{b, func(c cid.Cid) bool { asked[c]++; return false }}, b.Root)
	must(t, err)
	for c, n := range asked {
		if n > 1 {
			t.Errorf("asked %d times for %s", n, c)
		}
	}
	if len(asked) > 4 { // root, package.toml, .ipp, signature
		t.Errorf("asked for %d blocks", len(asked))
	}
}

func TestChoose(t *testing.T) {
	split := &Package{Meta: &Metadata{Name: "tool", Platforms: []ref.Platform{"darwin-amd64", "linux-amd64", "linux-amd64-musl", "linux-arm64"}}}
	for host, want := range map[ref.Platform]ref.Platform{
		"linux-amd64": "linux-amd64", "linux-amd64-musl": "linux-amd64-musl", "linux-arm64-musl": "linux-arm64",
		"darwin-arm64": "darwin-amd64", "darwin-amd64": "darwin-amd64", "windows-amd64": "", "linux-386": "",
	} {
		got, err := split.Choose(host)
		var none *NoPlatformError
		if got != want || (want == "") != errors.As(err, &none) {
			t.Errorf("%s: %s, %v; want %s", host, got, err, want)
		}
		if none != nil && err.Error() != "choose platform of tool: it has nothing for "+string(host)+", only for darwin-amd64, linux-amd64, linux-amd64-musl, linux-arm64" {
			t.Errorf("error = %v", err)
		}
	}
	for _, p := range []*Package{{}, {Meta: &Metadata{Name: "tool"}}} {
		if got, err := p.Choose("linux-amd64"); got != "" || err != nil {
			t.Errorf("not split: %q, %v", got, err)
		}
	}
}

func TestWant(t *testing.T) {
	root := cid.MustParse(libraryCID)
	two := []ref.Platform{"linux-amd64", "windows-amd64"}
	commands := map[ref.Command]string{"a": "bin/a", "b": "libexec/b.exe"}
	lim := dag.Limits{Bytes: 5}
	for _, c := range []struct {
		name     string
		pkg      Package
		platform ref.Platform
		want     store.Want
	}{
		{"no metadata", Package{Top: []string{"any"}}, "", store.Want{Key: store.Key{Part: "any"}, Exec: []string{"/"}}},
		{"not split", Package{Meta: &Metadata{}}, "", store.Want{Key: store.Key{Part: "any"}, Exec: []string{"bin/"}}},
		{"not split, commands", Package{Meta: &Metadata{Commands: commands}}, "",
			store.Want{Key: store.Key{Part: "any"}, Exec: []string{"bin/a", "libexec/b.exe"}}},
		{"any alone", Package{Meta: &Metadata{Commands: commands}, Top: []string{"any"}}, "",
			store.Want{Key: store.Key{Part: "any"}, Exec: []string{"any/bin/a", "any/libexec/b.exe", "bin/a", "libexec/b.exe"}}},
		{"split", Package{Meta: &Metadata{Platforms: two}}, "linux-amd64",
			store.Want{Key: store.Key{Part: "linux-amd64"}, Omit: []string{"windows-amd64"}, Exec: []string{"any/bin/", "linux-amd64/bin/"}}},
		{"split, commands", Package{Meta: &Metadata{Platforms: two, Commands: commands}}, "linux-amd64",
			store.Want{Key: store.Key{Part: "linux-amd64"}, Omit: []string{"windows-amd64"}, Exec: []string{"any/bin/a", "any/libexec/b.exe", "linux-amd64/bin/a", "linux-amd64/libexec/b.exe"}}},
		{"windows", Package{Meta: &Metadata{Platforms: two, Commands: commands}}, "windows-amd64",
			store.Want{Key: store.Key{Part: "windows-amd64"}, Omit: []string{"linux-amd64"}, Exec: []string{
				"any/bin/a", "any/bin/a.exe", "any/libexec/b.exe", "windows-amd64/bin/a", "windows-amd64/bin/a.exe", "windows-amd64/libexec/b.exe"}}},
		{"no commands", Package{Meta: &Metadata{Commands: map[ref.Command]string{}}}, "", store.Want{Key: store.Key{Part: "any"}}},
	} {
		c.pkg.Root, c.want.Root, c.want.Limits = root, root, lim
		got := c.pkg.Want(c.platform, lim)
		if got.Check = nil; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

// FuzzOpen holds Open over DAGs that anybody may send: blocks of the fuzzer's
// own under their true CIDs, the first of them the root.
func FuzzOpen(f *testing.F) {
	for _, tree := range []items{
		{"package.toml": metadata(""), "bin/a": "x:a"},
		{"package.toml": metadata("platforms = [\"linux-amd64\"]\n"), "linux-amd64/bin/a": "x:a", ".ipp/signature": "s", "PackManifest": "p"},
	} {
		m, root := craft(f, tree)
		block, err := m.Block(context.Background(), root)
		must(f, err)
		f.Add(block, []byte(tree["package.toml"]))
	}
	f.Fuzz(func(t *testing.T, root, leaf []byte) {
		m := newMemory()
		m.leaves[sum(cid.DagProtobuf, root)] = root
		for _, codec := range []uint64{cid.Raw, cid.DagProtobuf} {
			m.leaves[sum(codec, leaf)] = leaf
		}
		p, err := Open(context.Background(), m, sum(cid.DagProtobuf, root))
		if err != nil {
			return
		}
		for _, name := range p.Top {
			if dag.CheckName(name) != nil || path.Base(name) != name {
				t.Fatalf("name %q got through", name)
			}
		}
		if p.Meta != nil && slices.Contains(p.Top, ".git") {
			t.Fatal("dot name got through")
		}
		if p.Meta != nil {
			harmless(t, p.Meta)
		}
		planned(t, m, p)
		_, _ = Verify(context.Background(), m, p, nil, nil)
	})
}

// planned walks the parts of a package as a store does before it writes, and
// holds what would be executable to what is in the package.
func planned(t *testing.T, m *memory, p *Package) {
	t.Helper()
	for _, platform := range []ref.Platform{"", "linux-amd64", "windows-amd64"} {
		w := p.Want(platform, dag.Limits{Bytes: 1 << 20, Files: 1000, Entries: 1000, Depth: 8})
		for _, at := range w.Exec {
			if at != "/" && !filepath.IsLocal(filepath.FromSlash(at)) {
				t.Fatalf("%q would be executable", at)
			}
		}
		if w.Check == nil {
			continue
		}
		see, end := w.Check()
		opt := dag.WalkOptions{Limits: w.Limits, Omit: func(at string) bool { return slices.Contains(w.Omit, at) }}
		if dag.Walk(context.Background(), m, p.Root, opt, func(e *dag.Entry) error { see(e); return nil }) == nil {
			_ = end(context.Background())
		}
	}
}

func sum(codec uint64, data []byte) cid.Cid {
	c, err := cid.V1Builder{Codec: codec, MhType: 0x12, MhLength: -1}.Sum(data)
	if err != nil {
		panic(err)
	}
	return c
}
