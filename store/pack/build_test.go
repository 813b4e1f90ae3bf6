package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ipp/lock/ref"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// item is a path of a tree that a test writes: a file, a directory ("dir/"), a
// symlink ("-> target") or an executable ("x:contents").
type items map[string]string

const link = "-> "
const execPrefix = "x:"

func write(t testing.TB, dir string, tree items) string {
	t.Helper()
	for _, at := range slices.Sorted(maps.Keys(tree)) {
		name := filepath.Join(dir, filepath.FromSlash(at))
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		contents := tree[at]
		target, isLink := strings.CutPrefix(contents, link)
		body, isExec := strings.CutPrefix(contents, execPrefix)
		switch {
		case strings.HasSuffix(at, "/"):
			must(t, os.MkdirAll(name, 0o755))
		case isLink:
			must(t, os.Symlink(target, name))
		case isExec:
			must(t, os.WriteFile(name, []byte(body), 0o755))
		default:
			must(t, os.WriteFile(name, []byte(contents), 0o644))
		}
	}
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func metadata(more string) string {
	return "format = 1\nname = \"tool\"\nversion = \"1.0.0\"\n" + more
}

func build(t testing.TB, in Input) *Built {
	t.Helper()
	b, err := Build(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// walkAll reads the whole of a package, every leaf too.
func walkAll(t testing.TB, b dag.Blocks, p *Package) map[string]*dag.Entry {
	t.Helper()
	all := map[string]*dag.Entry{}
	err := dag.Walk(context.Background(), b, p.Root, dag.WalkOptions{}, func(e *dag.Entry) error {
		all[e.Path] = e
		for _, l := range e.Leaves {
			if l.CID.Type() != cid.Raw {
				continue // the walk has read it
			}
			if _, err := dag.ReadLeaf(context.Background(), b, l); err != nil {
				return err
			}
		}
		return nil
	})
	must(t, err)
	return all
}

// shape is a package as items, without PackManifest.
func shape(t testing.TB, b *Built) items {
	t.Helper()
	got := items{}
	for at, e := range walkAll(t, b, b.Package) {
		switch e.Kind {
		case dag.Symlink:
			got[at] = link + e.Target
		case dag.File:
			data, err := dag.ReadFile(context.Background(), b, e, 1<<20)
			must(t, err)
			got[at] = string(data)
			if e.Exec {
				got[at] = execPrefix + got[at]
			}
		case dag.Dir:
			if list, err := dag.List(context.Background(), b, e.CID, dag.Limits{}); err == nil && len(list) == 0 {
				got[at+"/"] = ""
			}
		}
	}
	delete(got, ManifestName)
	return got
}

const generated = "format = 1\nname = \"tool\"\nversion = \"1.0.0\"\n"

func TestBuildLayout(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("run bits and symlinks are what is tested")
	}
	linux, windows, script := string(elfFile{}.bytes()), string(peFile(0x8664, 0x22)), "#!/bin/sh\n"
	for _, c := range []struct {
		name  string
		input items
		in    Input // paths are below the directory
		want  items
	}{
		{
			name:  "unsplit, as it is",
			input: items{"package.toml": metadata("# mine\n"), "bin/tool": "x:t", "share/a b": "s", "empty/": "", "l": "-> bin/tool"},
			in:    Input{Path: "."},
			want:  items{"package.toml": metadata("# mine\n"), "bin/tool": "x:t", "share/a b": "s", "empty/": "", "l": "-> bin/tool"},
		},
		{
			name:  "metadata is written",
			input: items{"bin/tool": "x:t"},
			in:    Input{Path: ".", Name: "tool", Version: "1.0.0"},
			want:  items{"package.toml": generated, "bin/tool": "x:t"},
		},
		{
			name:  "split, as it is",
			input: items{"package.toml": metadata("platforms = [\"linux-arm64\", \"linux-amd64\"]\n"), "linux-amd64/bin/t": "x:t", "linux-arm64/a": "", "any/b": "", "install.sh": "i"},
			in:    Input{Path: "."},
			want:  items{"package.toml": metadata("platforms = [\"linux-arm64\", \"linux-amd64\"]\n"), "linux-amd64/bin/t": "x:t", "linux-arm64/a": "", "any/b": "", "install.sh": "i"},
		},
		{
			name:  "split, metadata is written",
			input: items{"linux-arm64/bin/t": "x:t", "linux-amd64/bin/t": "x:t", "any/b": ""},
			in:    Input{Path: ".", Name: "tool", Version: "1.0.0"},
			want:  items{"package.toml": generated + "platforms = [\"linux-amd64\", \"linux-arm64\"]\n", "linux-arm64/bin/t": "x:t", "linux-amd64/bin/t": "x:t", "any/b": ""},
		},
		{
			name:  "one program",
			input: items{"some-name": linux},
			in:    Input{Path: "some-name", Name: "tool", Version: "1.0.0"},
			want:  items{"package.toml": generated + "platforms = [\"linux-amd64\"]\n", "linux-amd64/bin/tool": "x:" + linux},
		},
		{
			name:  "one program, through symlinks",
			input: items{"real/some": linux, "l": "-> real/l2", "real/l2": "-> some"},
			in:    Input{Path: "l", Name: "tool", Version: "1.0.0"},
			want:  items{"package.toml": generated + "platforms = [\"linux-amd64\"]\n", "linux-amd64/bin/tool": "x:" + linux},
		},
		{
			name:  "a directory through a symlink",
			input: items{"real/bin/tool": "x:t", "l": "-> real"},
			in:    Input{Path: "l", Name: "tool", Version: "1.0.0"},
			want:  items{"package.toml": generated, "bin/tool": "x:t"},
		},
		{
			name:  "programs of several platforms",
			input: items{"a": linux, "b.exe": windows},
			in:    Input{Platforms: map[ref.Platform]string{"linux-amd64-musl": "a", "windows-amd64": "b.exe"}, Name: "tool", Version: "1.0.0"},
			want: items{
				"package.toml":              generated + "platforms = [\"linux-amd64-musl\", \"windows-amd64\"]\n",
				"linux-amd64-musl/bin/tool": "x:" + linux, "windows-amd64/bin/tool.exe": "x:" + windows,
			},
		},
		{
			name: "platforms beside what is common",
			input: items{
				"common/package.toml": metadata("platforms = [\"linux-amd64\", \"linux-arm64\"]\n[commands]\nt = \"bin/t2\"\n"),
				"common/share/s":      "s", "common/README": "r", "common/l": "-> share/s",
				"common/PackManifest": "old", "common/PackManifest.tmp": "older",
				"a": linux, "tree/bin/t2": execPrefix + script, "tree/.hidden": "h",
			},
			in: Input{Path: "common", Platforms: map[ref.Platform]string{"linux-amd64": "a", "linux-arm64": "tree"}},
			want: items{
				"package.toml": metadata("platforms = [\"linux-amd64\", \"linux-arm64\"]\n[commands]\nt = \"bin/t2\"\n"),
				"any/share/s":  "s", "any/README": "r", "any/l": "-> share/s",
				"linux-amd64/bin/t2": "x:" + linux, "linux-arm64/bin/t2": "x:" + script, "linux-arm64/.hidden": "h",
			},
		},
		{
			name:  "a platform more",
			input: items{"d/any/s": "s", "d/linux-amd64/bin/tool": "x:t", "sh": script},
			in:    Input{Path: "d", Platforms: map[ref.Platform]string{"freebsd-amd64": "sh"}, Name: "tool", Version: "1.0.0"},
			want: items{
				"package.toml": generated + "platforms = [\"freebsd-amd64\", \"linux-amd64\"]\n",
				"any/s":        "s", "linux-amd64/bin/tool": "x:t", "freebsd-amd64/bin/tool": "x:" + script,
			},
		},
		{
			name:  "left out",
			input: items{".git/config": "c", "a/.git/x": "", "a/b/c": "", "a/b/d": "", "a/bc": "", "keep": ""},
			in:    Input{Path: ".", Name: "tool", Version: "1.0.0", Exclude: []string{".git", "a/b/", "a/.git/x"}},
			want:  items{"package.toml": generated, "a/.git/": "", "a/bc": "", "keep": ""},
		},
		{
			name:  "left out of any",
			input: items{"d/docs/a": "", "d/k": "", "p/docs/a": "", "p/k": ""},
			in:    Input{Path: "d", Platforms: map[ref.Platform]string{"linux-amd64": "p"}, Name: "tool", Version: "1.0.0", Exclude: []string{"docs", "linux-amd64/k"}},
			want:  items{"package.toml": generated + "platforms = [\"linux-amd64\"]\n", "any/k": "", "linux-amd64/docs/a": ""},
		},
		{
			name:  "an empty .ipp",
			input: items{"package.toml": metadata(""), ".ipp/": ""},
			in:    Input{Path: "."},
			want:  items{"package.toml": metadata("")},
		},
		{
			name:  "run bits of what is not run",
			input: items{"package.toml": execPrefix + metadata(""), "a": "x:a"},
			in:    Input{Path: "."},
			want:  items{"package.toml": metadata(""), "a": "x:a"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := write(t, t.TempDir(), c.input)
			before := snapshot(t, dir)
			if c.in.Path != "" {
				c.in.Path = filepath.Join(dir, c.in.Path)
			}
			for p, at := range c.in.Platforms {
				c.in.Platforms[p] = filepath.Join(dir, at)
			}
			b := build(t, c.in)
			if got := shape(t, b); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			checkBuilt(t, b)
			if after := snapshot(t, dir); before != after {
				t.Errorf("the input was written to:\n%s\n%s", before, after)
			}
		})
	}
}

// checkBuilt holds a Built against what others read out of it.
func checkBuilt(t testing.TB, b *Built) {
	t.Helper()
	p, err := Open(context.Background(), b, b.Root)
	must(t, err)
	if !samePackage(p, b.Package) {
		t.Errorf("opened  %+v\nbuilt   %+v", p, b.Package)
	}
	faults, err := Verify(context.Background(), b, p, nil, nil)
	if err != nil || len(faults) > 0 {
		t.Errorf("verify: %v, %v", err, faults)
	}
	files, bytes := 0, int64(0)
	for at, e := range walkAll(t, b, b.Package) {
		if e.Kind == dag.File && libraryOf(b.Meta, at) == "" {
			files, bytes = files+1, bytes+e.Size
		}
	}
	if files != b.Files || bytes != b.Bytes {
		t.Errorf("%d files, %d bytes; built says %d, %d", files, bytes, b.Files, b.Bytes)
	}
}

// snapshot is all of a directory, times too.
func snapshot(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		fmt.Fprintln(&b, name, info.Mode(), info.Size(), info.ModTime())
		return err
	}))
	return b.String()
}

func TestBuildRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symlinks and run bits are what is tested")
	}
	linux := string(elfFile{}.bytes())
	named := Input{Path: ".", Name: "tool", Version: "1.0.0"}
	with := func(f func(*Input)) Input {
		in := named
		f(&in)
		return in
	}
	split := "platforms = [\"linux-amd64\", \"darwin-arm64\"]\n"
	for _, c := range []struct {
		name  string
		input items
		in    Input
		want  string // part of the error
		as    any
	}{
		{"nothing", items{}, Input{}, "nothing was given", nil},
		{"not there", items{}, with(func(i *Input) { i.Path = "no" }), "no such file", fs.ErrNotExist},
		{"no name", items{"a": ""}, with(func(i *Input) { i.Name = "" }), "so it needs a name and a version", new(*NoMetadataError)},
		{"no version", items{"a": ""}, with(func(i *Input) { i.Version = "" }), "so it needs a name and a version", new(*NoMetadataError)},
		{"other name", items{"package.toml": metadata("")}, with(func(i *Input) { i.Name = "other" }), "package.toml says the name tool, and other was given", new(*LayoutError)},
		{"other version", items{"package.toml": metadata("")}, with(func(i *Input) { i.Version = "2" }), "package.toml says the version 1.0.0, and 2 was given", new(*LayoutError)},
		{"bad metadata", items{"package.toml": metadata("nam = 1\n")}, named, `package.toml:4:1: unknown key "nam"`, new(*SyntaxError)},
		{"metadata is a directory", items{"package.toml/a": ""}, named, "it is not a regular file", new(*InputError)},
		{"metadata is a symlink", items{"package.toml": "-> a", "a": metadata("")}, named, "it is not a regular file", new(*InputError)},
		{"platform without directory", items{"package.toml": metadata(split), "linux-amd64/a": ""}, named, "names the platform darwin-arm64, but there is no directory darwin-arm64/", new(*LayoutError)},
		{"platform is a file", items{"package.toml": metadata(split), "linux-amd64/a": "", "darwin-arm64": ""}, named, "names the platform darwin-arm64, but", new(*LayoutError)},
		{"platform is a symlink", items{"package.toml": metadata(split), "linux-amd64/a": "", "darwin-arm64": "-> linux-amd64"}, named, "names the platform darwin-arm64, but", new(*LayoutError)},
		{"directory without platform", items{"package.toml": metadata(split), "linux-amd64/a": "", "darwin-arm64/a": "", "linux-arm64/a": ""}, named, "there is a directory linux-arm64/, but package.toml does not name that platform", new(*LayoutError)},
		{"directory, no platforms", items{"package.toml": metadata(""), "linux-arm64/a": ""}, named, "there is a directory linux-arm64/, but package.toml", new(*LayoutError)},
		{"platform twice", items{"linux-amd64/a": "", "p/a": ""}, with(func(i *Input) { i.Platforms = map[ref.Platform]string{"linux-amd64": "p"} }), "linux-amd64/ is there already", new(*LayoutError)},
		{"program twice", items{"a": linux}, with(func(i *Input) { i.Path = "a"; i.Platforms = map[ref.Platform]string{"linux-amd64": "a"} }), "linux-amd64/ is there already", new(*LayoutError)},
		{"other platform", items{"a": linux}, with(func(i *Input) { i.Path = ""; i.Platforms = map[ref.Platform]string{"linux-arm64": "a"} }), "it was given for linux-arm64, but is for linux-amd64", new(*ProgramError)},
		{"no program", items{"a": "text"}, with(func(i *Input) { i.Path = "a" }), "it is not a program", new(*ProgramError)},
		{"script alone", items{"a": "#!/bin/sh\n"}, with(func(i *Input) { i.Path = "a" }), "it is not a program", new(*ProgramError)},
		{"text as a platform", items{"a": "text"}, with(func(i *Input) { i.Path = ""; i.Platforms = map[ref.Platform]string{"linux-arm64": "a"} }), "it is not a program", new(*ProgramError)},
		{"dot names", items{".git/a": "", ".a": "", "b": ""}, named, "names that begin with a dot have no place at its top: .a, .git", new(*DotNamesError)},
		{"dot names of any", items{"d/.git/a": "", "p/a": ""}, with(func(i *Input) { i.Path = "d"; i.Platforms = map[ref.Platform]string{"linux-amd64": "p"} }), ": .git", new(*DotNamesError)},
		{"more in .ipp", items{".ipp/signature": "", ".ipp/b": ""}, named, `".ipp/b" has no place in it`, new(*LayoutError)},
		{".ipp is a file", items{".ipp": ""}, named, ".ipp is not a directory", new(*LayoutError)},
		{"signature is a symlink", items{".ipp/signature": "-> ../a", "a": ""}, named, `".ipp/signature" has no place in it`, new(*LayoutError)},
		{"absolute symlink", items{"d/l": "-> /etc/passwd"}, named, `d/l: read "d/l": symlink target "/etc/passwd" is absolute`, new(*InputError)},
		{"escaping symlink", items{"d/l": "-> ../../x"}, named, `leaves the package`, new(*InputError)},
		{"symlink through a symlink", items{"d/l": "-> e/../../x"}, named, `has .. after a name`, new(*InputError)},
		{"control character", items{"d/a\nb": ""}, named, `has a control character`, new(*InputError)},
		{"not UTF-8", items{"d/a\xff": ""}, named, `is not UTF-8`, new(*InputError)},
		{"collision", items{"d/README": "", "d/readme": ""}, named, `readme: the name is the same as "README" on some systems`, new(*InputError)},
		{"collision at the top", items{"ANY/b": "", "any/b": ""}, named, `any: the name is the same as "ANY"`, new(*InputError)},
		{"no command", items{"package.toml": metadata("[commands]\nt = \"bin/t\"\n"), "bin/u": "x:"}, named, "names the command t, but bin/t is not a file below .", new(*LayoutError)},
		{"no command for one", items{"package.toml": metadata(split + "[commands]\nt = \"bin/t\"\n"), "linux-amd64/bin/t": "x:", "darwin-arm64/bin/u": "x:"}, named, "bin/t is not a file below darwin-arm64 or any", new(*LayoutError)},
		{"command is a directory", items{"package.toml": metadata("[commands]\nt = \"bin/t\"\n"), "bin/t/a": "x:"}, named, "bin/t is not a file", new(*LayoutError)},
		{"command not executable", items{"package.toml": metadata("[commands]\nt = \"bin/t\"\n"), "bin/t": "#!/bin/sh"}, named, "bin/t: it is the command t, but has no run bit", new(*InputError)},
		{"exclude up", items{"a": ""}, with(func(i *Input) { i.Exclude = []string{"../a"} }), `"../a" is no path to leave out`, new(*InputError)},
		{"exclude absolute", items{"a": ""}, with(func(i *Input) { i.Exclude = []string{"/a"} }), `"/a" is no path to leave out`, new(*InputError)},
		{"exclude nothing", items{"a": ""}, with(func(i *Input) { i.Exclude = []string{""} }), `"" is no path to leave out`, new(*InputError)},
		{"deep", items{strings.Repeat("d/", 64) + "f": ""}, named, "directories deep", new(*dag.LimitError)},
		{"long path", items{strings.Repeat(strings.Repeat("d", 200)+"/", 6) + "f": ""}, named, "bytes in a path", new(*dag.LimitError)},
		{"no library", items{"package.toml": metadata("[libraries]\nz = \"" + libraryCID + "\"\n")}, named, "link library z of tool: " + libraryCID + " is not here", new(*MissingLibraryError)},
		{"deps is a file", items{"package.toml": metadata("[libraries]\nz = \"" + libraryCID + "\"\n"), "deps": ""}, named, "deps is not a directory", new(*LayoutError)},
		{"library is a file", items{"package.toml": metadata("[libraries]\nz = \"" + libraryCID + "\"\n"), "deps/z": ""}, named, "deps/z is not a directory", new(*LayoutError)},
		{"another library", items{"package.toml": metadata("[libraries]\nz = \"" + libraryCID + "\"\n"), "deps/z/a": ""}, named, "deps/z is not the library that package.toml names", new(*LayoutError)},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, c.input)
			if c.in.Path != "" {
				c.in.Path = filepath.Join(dir, c.in.Path)
			}
			platforms := map[ref.Platform]string{}
			for p, at := range c.in.Platforms {
				platforms[p] = filepath.Join(dir, at)
			}
			c.in.Platforms = platforms
			b, err := Build(context.Background(), c.in)
			if err == nil {
				t.Fatalf("built %s", b.Root)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v\nwant    %s", err, c.want)
			}
			switch as := c.as.(type) {
			case nil:
			case error:
				if !errors.Is(err, as) {
					t.Errorf("error %v is not %v", err, as)
				}
			default:
				if !errors.As(err, as) {
					t.Errorf("error %v (%T) is no %T", err, err, as)
				}
			}
		})
	}
}

// TestBuildIgnores: what a file system adds to names, contents, run bits and
// targets has no say in the CID.
func TestBuildIgnores(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no modes to differ in")
	}
	tree := items{"package.toml": metadata(""), "bin/tool": "x:t", "share/a": "a", "share/b/c": "c", "l": "-> bin/tool"}
	for i := range 200 {
		tree[fmt.Sprintf("many/%d", i*7919%200)] = "m"
	}
	want := build(t, Input{Path: write(t, t.TempDir(), tree)}).Root
	dir := t.TempDir()
	names := slices.Sorted(maps.Keys(tree))
	slices.Reverse(names)
	for _, name := range names {
		write(t, dir, items{name: tree[name]})
	}
	must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Type() == fs.ModeSymlink {
			return err
		}
		info, err := d.Info()
		must(t, err)
		mode := fs.FileMode(0o611) // others may run it, its owner not
		if d.IsDir() || info.Mode()&0o100 != 0 {
			mode = 0o700
		}
		must(t, os.Chtimes(name, time.Unix(1, 0), time.Unix(1, 0)))
		return os.Chmod(name, mode)
	}))
	if got := build(t, Input{Path: dir}).Root; got != want {
		t.Errorf("root = %s, want %s", got, want)
	}
}

// TestBuildAgain: packing what is a package already changes nothing.
func TestBuildAgain(t *testing.T) {
	dir := write(t, t.TempDir(), items{"bin/tool": "x:t", "share/a": "a"})
	first := build(t, Input{Path: dir, Name: "tool", Version: "1.0.0"})
	e, err := dag.Resolve(context.Background(), first, first.Root, ManifestName)
	must(t, err)
	manifest, err := dag.ReadFile(context.Background(), first, e, 1<<20)
	must(t, err)
	write(t, dir, items{"package.toml": generated, "PackManifest": string(manifest)})
	second := build(t, Input{Path: dir})
	if second.Root != first.Root {
		t.Errorf("%+v\n%+v", first.Package, second.Package)
	}
}

func TestBuildNoticesChanges(t *testing.T) {
	dir := write(t, t.TempDir(), items{"package.toml": metadata(""), "a": "first", "b": "same"})
	b := build(t, Input{Path: dir})
	e, err := dag.Resolve(context.Background(), b, b.Root, "a")
	must(t, err)
	info, err := os.Stat(filepath.Join(dir, "a"))
	must(t, err)

	write(t, dir, items{"a": "other length"})
	var in *InputError
	if _, err := dag.ReadFile(context.Background(), b, e, 100); !errors.As(err, &in) || in.Path != filepath.Join(dir, "a") {
		t.Errorf("error = %v", err)
	}
	write(t, dir, items{"a": "third"})
	later := info.ModTime().Add(time.Second)
	must(t, os.Chtimes(filepath.Join(dir, "a"), later, later))
	if _, err := dag.ReadFile(context.Background(), b, e, 100); !errors.As(err, &in) {
		t.Errorf("error = %v", err)
	}
	must(t, os.Chtimes(filepath.Join(dir, "a"), info.ModTime(), info.ModTime()))
	var hash *dag.HashError
	if _, err := dag.ReadFile(context.Background(), b, e, 100); !errors.As(err, &hash) {
		t.Errorf("error = %v", err)
	}
	must(t, os.Remove(filepath.Join(dir, "a")))
	if _, err := dag.ReadFile(context.Background(), b, e, 100); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error = %v", err)
	}
}

func TestBuildReadsNothingOutside(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs symlinks")
	}
	outside := write(t, t.TempDir(), items{"secret": "s"})
	dir := write(t, t.TempDir(), items{"package.toml": metadata(""), "d/secret": "s"})
	b := build(t, Input{Path: dir})
	must(t, os.RemoveAll(filepath.Join(dir, "d")))
	must(t, os.Symlink(outside, filepath.Join(dir, "d")))
	e, err := dag.Resolve(context.Background(), b, b.Root, "d/secret")
	must(t, err)
	if data, err := dag.ReadFile(context.Background(), b, e, 100); err == nil {
		t.Errorf("read %q through a symlink that leads outside", data)
	}
}

func TestBuildReport(t *testing.T) {
	dir := write(t, t.TempDir(), items{"bin/tool": execPrefix + strings.Repeat("t", 3<<20), "a": "a", "empty": ""})
	in := Input{Path: dir, Name: "tool", Version: "1.0.0"}
	want, err := InputBytes(in)
	must(t, err)
	done := make(chan int64, 100)
	in.Report = func(n int64) { done <- n }
	b := build(t, in)
	close(done)
	var got int64
	for n := range done {
		got += n
	}
	if got != want || want != 3<<20+1+int64(len(generated)) {
		t.Errorf("reported %d of %d", got, want)
	}
	checkBuilt(t, b)
}

func TestBuildCanceled(t *testing.T) {
	dir := write(t, t.TempDir(), items{"package.toml": metadata(""), "a": "a"})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Build(ctx, Input{Path: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
}

// blocksOf is a source that has all blocks of a package, or all but some.
type blocksOf struct {
	dag.Blocks
	lacks func(c cid.Cid) bool
}

func (b blocksOf) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	if b.lacks != nil && b.lacks(c) {
		return nil, fs.ErrNotExist
	}
	return b.Blocks.Block(ctx, c)
}

func TestBuildLibraries(t *testing.T) {
	lib := build(t, Input{Path: write(t, t.TempDir(), items{"lib/libz.so": "z", "lib/sub/deep": "d", "linux-amd64/x": ""}), Name: "zlib", Version: "1"})
	meta := metadata("[commands]\nt = \"bin/t\"\n[libraries]\nz = \"" + lib.Root.String() + "\"\n")
	dir := write(t, t.TempDir(), items{"package.toml": meta, "bin/t": "x:t"})
	if runtime.GOOS != "windows" {
		write(t, dir, items{"bin/l": "-> ../deps/z/lib/libz.so"})
	}
	var asked []cid.Cid
	b := build(t, Input{Path: dir, Lookup: func(_ context.Context, c cid.Cid) (dag.Blocks, error) {
		asked = append(asked, c)
		return lib, nil
	}})
	if len(asked) != 1 || asked[0] != lib.Root || len(b.Warnings) > 0 {
		t.Errorf("asked for %v, warned of %v", asked, b.Warnings)
	}
	all := walkAll(t, b, b.Package)
	if all["deps/z"].CID != lib.Root || all["deps/z/lib/sub/deep"] == nil || all["deps/z/PackManifest"] == nil {
		t.Errorf("deps/z is %v", all["deps/z"])
	}
	checkBuilt(t, b)

	t.Run("unpacked", func(t *testing.T) {
		for at, e := range walkAll(t, lib, lib.Package) {
			if e.Kind == dag.File {
				data, err := dag.ReadFile(context.Background(), lib, e, 1<<20)
				must(t, err)
				write(t, dir, items{"deps/z/" + at: string(data)})
			}
		}
		again := build(t, Input{Path: dir})
		if again.Root != b.Root {
			t.Errorf("root = %s, want %s", again.Root, b.Root)
		}
		must(t, os.RemoveAll(filepath.Join(dir, "deps")))
	})
	t.Run("not whole", func(t *testing.T) {
		deep := all["deps/z/lib/sub"].CID
		_, err := Build(context.Background(), Input{Path: dir, Lookup: func(context.Context, cid.Cid) (dag.Blocks, error) {
			return blocksOf{lib, func(c cid.Cid) bool { return c == deep }}, nil
		}})
		var missing *MissingLibraryError
		if !errors.As(err, &missing) || !errors.Is(err, fs.ErrNotExist) || missing.Library != "z" {
			t.Errorf("error = %v", err)
		}
	})
	t.Run("not found", func(t *testing.T) {
		_, err := Build(context.Background(), Input{Path: dir, Lookup: func(context.Context, cid.Cid) (dag.Blocks, error) {
			return nil, fs.ErrNotExist
		}})
		var missing *MissingLibraryError
		if !errors.As(err, &missing) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error = %v", err)
		}
	})
}

func TestManifestOfPackage(t *testing.T) {
	dir := write(t, t.TempDir(), items{"package.toml": metadata(""), "a-b": "1", "a/b": "2", "a/PackManifest": "3", "a/.hidden": "4"})
	b := build(t, Input{Path: dir, Sign: alice(t).Sign})
	e, err := dag.Resolve(context.Background(), b, b.Root, ManifestName)
	must(t, err)
	data, err := dag.ReadFile(context.Background(), b, e, 1<<20)
	must(t, err)
	lines, err := ParseManifest(ManifestName, data)
	must(t, err)
	var paths []string
	for _, l := range lines {
		paths = append(paths, l.Path)
		if l.Format != FormatToken {
			t.Errorf("format %s", l.Format)
		}
	}
	want := []string{"a", "a-b", "a/.hidden", "a/PackManifest", "a/b", "package.toml", "."}
	if !reflect.DeepEqual(paths, want) {
		t.Errorf("paths = %q, want %q", paths, want)
	}
	if !bytes.Equal(EncodeManifest(lines), data) {
		t.Error("not canonical")
	}
}

// TestBuildMovingInput: a file that changes while it is hashed is no package.
func TestBuildMovingInput(t *testing.T) {
	dir := write(t, t.TempDir(), items{"package.toml": metadata(""), "a": "first"})
	var once sync.Once
	_, err := Build(context.Background(), Input{Path: dir, Report: func(n int64) {
		if n == int64(len("first")) {
			once.Do(func() { write(t, dir, items{"a": "longer than first"}) })
		}
	}})
	var in *InputError
	if !errors.As(err, &in) || in.Path != filepath.Join(dir, "a") {
		t.Errorf("error = %v", err)
	}
}

// framer has the blocks that other tools framed only for those who say where
// they stand, as a store may.
type framer struct {
	dag.Blocks
	at map[string]cid.Cid
}

func (f framer) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	for _, hidden := range f.at {
		if c == hidden {
			return nil, fs.ErrNotExist
		}
	}
	return f.Blocks.Block(ctx, c)
}

func (f framer) FramedLeaf(ctx context.Context, path string, c cid.Cid, _, _ int64) ([]byte, error) {
	if f.at[path] != c {
		return nil, fmt.Errorf("block %s of %s: %w", c, path, fs.ErrNotExist)
	}
	return f.Blocks.Block(ctx, c)
}

func TestFramedLibrary(t *testing.T) {
	ctx := context.Background()
	m, root := craft(t, items{"lib/z": framed + "z", "a": "a", "package.toml": framed + metadata("")})
	lib := framer{m, map[string]cid.Cid{}}
	for _, at := range []string{"lib/z", "package.toml"} {
		e, err := dag.Resolve(ctx, m, root, at)
		must(t, err)
		lib.at[at] = e.CID
	}
	if p, err := Open(ctx, lib, root); err != nil || p.Meta.Name != "tool" {
		t.Errorf("%v: %+v", err, p)
	}
	meta := metadata("[libraries]\nz = \"" + root.String() + "\"\n")
	b := build(t, Input{
		Path:   write(t, t.TempDir(), items{"package.toml": meta}),
		Lookup: func(context.Context, cid.Cid) (dag.Blocks, error) { return lib, nil },
	})
	checkBuilt(t, b)
	if e := walkAll(t, b, b.Package)["deps/z/lib/z"]; e == nil || e.Size != 1 {
		t.Errorf("deps/z/lib/z is %+v", e)
	}
}
