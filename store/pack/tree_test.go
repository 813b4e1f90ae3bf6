package pack

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"syscall"
	"testing"

	"ipp/lock/ref"
	"ipp/store"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// install ensures one part of a package in a new store.
func install(t *testing.T, b dag.Blocks, root cid.Cid, platform ref.Platform) (*store.Store, store.Key) {
	t.Helper()
	ctx := context.Background()
	s, err := store.Open(filepath.Join(t.TempDir(), "store"), store.Options{First: store.Root{Kind: store.ProfileRoot, Path: t.TempDir()}})
	must(t, err)
	p, err := Open(ctx, b, root)
	must(t, err)
	lease, err := s.Lease(ctx, "test", root)
	must(t, err)
	plan, err := s.Plan(ctx, p.Want(platform, dag.DefaultLimits()), b)
	must(t, err)
	must(t, s.Ensure(ctx, lease, plan, b, nil))
	must(t, lease.Release())
	return s, plan.Key
}

func TestOpenTree(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("run bits are what is tested")
	}
	const split = "platforms = [\"linux-amd64\", \"windows-amd64\"]\n"
	const commands = "[commands]\na = \"bin/a\"\nb = \"libexec/b\"\n"
	tree := items{
		"linux-amd64/bin/a": "x:a", "linux-amd64/bin/n": "n", "linux-amd64/bin/_": "x:", "linux-amd64/bin/d/": "",
		"windows-amd64/bin/a.exe": "x:a", "any/libexec/b": "x:b", "any/bin/a": "x:other", "any/bin/c": "x:c", "any/bin/l": "-> c",
	}
	for _, c := range []struct {
		name     string
		meta     string
		tree     items
		platform ref.Platform
		bases    []string
		commands map[ref.Command]string
	}{
		{"split, commands", metadata(split + commands), tree, "linux-amd64", []string{"linux-amd64", "any"},
			map[ref.Command]string{"a": "linux-amd64/bin/a", "b": "any/libexec/b"}},
		{"windows, commands", metadata(split + commands), tree, "windows-amd64", []string{"windows-amd64", "any"},
			map[ref.Command]string{"a": "windows-amd64/bin/a.exe", "b": "any/libexec/b"}},
		{"split", metadata(split), tree, "linux-amd64", []string{"linux-amd64", "any"},
			map[ref.Command]string{"a": "linux-amd64/bin/a", "c": "any/bin/c", "l": "any/bin/l"}},
		{"windows", metadata(split), tree, "windows-amd64", []string{"windows-amd64", "any"},
			map[ref.Command]string{"a": "windows-amd64/bin/a.exe", "c": "any/bin/c", "l": "any/bin/l"}},
		{"split without any", metadata("platforms = [\"linux-amd64\"]\n"), items{"linux-amd64/bin/a": "x:"}, "linux-amd64", []string{"linux-amd64"},
			map[ref.Command]string{"a": "linux-amd64/bin/a"}},
		{"not split", metadata(""), items{"bin/a": "x:", "bin/b": "b"}, "", []string{"."}, map[ref.Command]string{"a": "bin/a"}},
		{"any alone", metadata(""), items{"any/bin/a": "x:"}, "", []string{".", "any"}, map[ref.Command]string{"a": "any/bin/a"}},
		{"no bin", metadata(""), items{"share/a": ""}, "", []string{"."}, map[ref.Command]string{}},
		{"bin is a file", metadata(""), items{"bin": "x:"}, "", []string{"."}, map[ref.Command]string{}},
		{"none on purpose", metadata("[commands]\n"), items{"bin/a": "x:"}, "", []string{"."}, map[ref.Command]string{}},
		{"command by symlink", metadata("[commands]\na = \"bin/a\"\n"), items{"bin/a": "-> ../lib/a", "lib/a": "x:"}, "", []string{"."}, map[ref.Command]string{"a": "bin/a"}},
		{"no metadata", "", items{"bin/a": "x:", "any/bin/b": "x:"}, "", []string{"."}, map[ref.Command]string{"a": "bin/a"}},
		{"no modes, commands", metadata("[commands]\na = \"libexec/a\"\n"), items{"libexec/a": "a", "bin/b": "b"}, "", []string{"."}, map[ref.Command]string{"a": "libexec/a"}},
		{"no modes", metadata("platforms = [\"linux-amd64\"]\n"), items{"linux-amd64/bin/a": "a", "any/bin/b": "b", "any/bin/d/c": ""}, "linux-amd64", []string{"linux-amd64", "any"},
			map[ref.Command]string{"a": "linux-amd64/bin/a", "b": "any/bin/b"}},
		{"no modes, no metadata", "", items{"bin/a": "a"}, "", []string{"."}, map[ref.Command]string{"a": "bin/a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := items{}
			for at, contents := range c.tree {
				in[at] = contents
			}
			if c.meta != "" {
				in[MetadataName] = c.meta
			}
			m, root := craft(t, in)
			s, key := install(t, m, root, c.platform)
			tree, err := OpenTree(s, key)
			must(t, err)
			if (tree.Meta == nil) != (c.meta == "") || tree.Platform != c.platform || tree.Dir != s.TreeDir(key) || tree.Key != key {
				t.Errorf("tree = %+v", tree)
			}
			if got := tree.Bases(); !reflect.DeepEqual(got, c.bases) {
				t.Errorf("bases = %q, want %q", got, c.bases)
			}
			got, err := tree.Commands()
			if err != nil || !reflect.DeepEqual(got, c.commands) {
				t.Errorf("%v: commands = %v, want %v", err, got, c.commands)
			}
			for command, at := range got {
				info, err := os.Stat(filepath.Join(tree.Dir, at))
				if err != nil || info.Mode()&0o111 == 0 {
					t.Errorf("command %s can't be started: %v, %v", command, info, err)
				}
			}
			for _, other := range []string{"linux-amd64", "windows-amd64"} {
				if _, err := os.Stat(filepath.Join(tree.Dir, other)); (err == nil) != (other == string(c.platform)) {
					t.Errorf("%s/: %v", other, err)
				}
			}
		})
	}
}

func TestCommandMissing(t *testing.T) {
	for _, tree := range []items{{}, {"bin/": ""}, {"bin": ""}, {"bin/a/b": ""}, {"bin/a": "-> b"}, {"bin/a": "-> b", "bin/b": "-> a"}, {"bin": "-> bin"}} {
		if runtime.GOOS == "windows" && tree["bin/a"]+tree["bin"] != "" {
			continue
		}
		dir := write(t, t.TempDir(), tree)
		tree := &Tree{Dir: dir, files: os.DirFS(dir), Meta: &Metadata{Name: "tool", Commands: map[ref.Command]string{"a": "bin/a"}}}
		got, err := tree.Commands()
		var missing *MissingCommandError
		if !errors.As(err, &missing) || missing.Command != "a" || err.Error() != "find command a of tool: bin/a is not a file below ." {
			t.Errorf("%v, %v", got, err)
		}
	}
}

func TestOpenTreeRefused(t *testing.T) {
	m, root := craft(t, items{"package.toml": metadata(""), "a": ""})
	s, key := install(t, m, root, "")
	other := key
	other.Part = "linux-amd64"
	if _, err := OpenTree(s, other); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error = %v", err)
	}
	if _, err := OpenTree(s, key); err != nil {
		t.Error(err)
	}
}

// TestStoreServesPackages: what a store holds of a package reads like the
// package, for a part of its platforms too.
func TestStoreServesPackages(t *testing.T) {
	dir := write(t, t.TempDir(), items{"linux-amd64/bin/a": "x:a", "linux-arm64/bin/a": "x:b", "any/share/c": "c"})
	b := build(t, Input{Path: dir, Name: "tool", Version: "1.0.0"})
	s, _ := install(t, b, b.Root, "linux-amd64")
	blocks, err := s.Blocks(context.Background(), b.Root)
	must(t, err)
	defer blocks.Close()
	p, err := Open(context.Background(), blocks, b.Root)
	if err != nil || !samePackage(p, b.Package) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, p, b.Package)
	}
	faults, err := Verify(context.Background(), blocks, p, []ref.Platform{"linux-amd64"}, nil)
	if err != nil || len(faults) > 0 {
		t.Errorf("%v, %v", err, faults)
	}
	faults, err = Verify(context.Background(), blocks, p, nil, nil)
	if err != nil || len(faults) == 0 {
		t.Errorf("a platform is missing: %v, %v", err, faults)
	}
}

// shutFS is a disk that can't tell what one of its files is.
type shutFS struct {
	fs.FS
	shut string
}

func (s shutFS) Stat(name string) (fs.FileInfo, error) {
	if name == s.shut {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: syscall.EIO}
	}
	return fs.Stat(s.FS, name)
}

// TestUnreadableCommand is an error: left out, a generation would lack it, and
// nobody would be told.
func TestUnreadableCommand(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "bin"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "bin", "a"), []byte("#!/bin/sh\n"), 0o755))
	tree := &Tree{files: shutFS{os.DirFS(dir), "bin/a"}}
	if got, err := tree.Commands(); !errors.Is(err, syscall.EIO) {
		t.Errorf("commands %v, error %v", got, err)
	}
}
