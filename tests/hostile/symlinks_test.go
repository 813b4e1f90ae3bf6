//go:build linux

package hostile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSymlinks: no link leads out of a package, alone, through others, or
// through what stands under the same name; and what ipp itself reads is no link.
func TestSymlinks(t *testing.T) {
	t.Parallel()
	up := strings.Repeat("../", 12)
	all := []attack{
		{name: "absolute", root: func(f *forge) link { return f.pkg(f.symlink("/etc/passwd").as("l")) }},
		{name: "out of the root", root: func(f *forge) link { return f.pkg(f.symlink("../x").as("l")) }},
		{name: "far out", root: func(f *forge) link { return f.pkg(f.symlink(up + "etc/passwd").as("l")) }},
		{name: "out from below", root: func(f *forge) link { return f.pkg(f.dir(f.symlink("../../x").as("l")).as("share")) }},
		{name: "down and out", root: func(f *forge) link { return f.pkg(f.symlink("bin/../../x").as("l")) }},
		{name: "out by two that are each inside", root: func(f *forge) link {
			return f.pkg(f.dir(f.dir(f.raw("x").as("x")).as("deep"), f.symlink("deep").as("l"), f.symlink("l/../../../x").as("m")).as("share"))
		}},
		{name: "a chain that leaves at its end", root: func(f *forge) link {
			return f.pkg(f.symlink("b").as("a"), f.symlink("c").as("b"), f.symlink("../out").as("c"))
		}},
		{name: "an entry below a link", root: func(f *forge) link {
			return f.pkg(f.symlink("bin").as("share"), f.dir(f.raw("x").as("x")).as("share"))
		}},
		{name: "an entry below a link, in a HAMT", root: func(f *forge) link {
			return f.pkg(f.shard(f.symlink("../bin").as(slot("share")+"share"), f.raw("x").as(slot("share/x")+"share/x")).as("d"))
		}},
		{name: "out, in a HAMT", root: func(f *forge) link {
			return f.pkg(f.hamt([]link{f.raw("x").as("x"), f.symlink("../../x").as("l")}).as("share"))
		}},
		{name: "of 5,000 bytes", root: func(f *forge) link { return f.pkg(f.symlink(strings.Repeat("x/", 2500)).as("l")) }},
		{name: "empty", root: func(f *forge) link { return f.pkg(f.symlink("").as("l")) }},
		{name: "with a NUL", root: func(f *forge) link { return f.pkg(f.symlink("bin\x00/../../..").as("l")) }},
		{name: "with an escape", root: func(f *forge) link { return f.pkg(f.symlink("\x1b]0;owned\x07").as("l")) }},
		{name: "that has children", root: func(f *forge) link {
			return f.pkg(f.node([]link{f.raw("x").as("x")}, fType, tSymlink, fData, "bin").as("share"))
		}},
		{name: "to itself", root: func(f *forge) link { return f.pkg(f.symlink("l").as("l")) }},
		{name: "in place of package.toml", root: func(f *forge) link {
			return f.dir(f.symlink("other").as("package.toml"), f.raw(metadata()).as("other"))
		}},
		{name: "in place of PackManifest", root: func(f *forge) link { return f.pkg(f.symlink("package.toml").as("PackManifest")) }},
		{name: "in place of .ipp", root: func(f *forge) link { return f.pkg(f.symlink("bin").as(".ipp")) }},
		{name: "in place of the signature", root: func(f *forge) link {
			return f.pkg(f.dir(f.symlink("../package.toml").as("signature")).as(".ipp"))
		}},
		{name: "in place of bin", root: func(f *forge) link {
			return f.pkg(f.symlink("share").as("bin"), f.dir(f.exec("#!/bin/sh\necho evil\n", 0o755).as("evil")).as("share"))
		}},
		{name: "in place of bin, out", root: func(f *forge) link { return f.pkg(f.symlink(up + "bin").as("bin")) }},
		{name: "in place of a platform", root: func(f *forge) link {
			return f.pkgWith(metadata("platforms = [\"linux-amd64\"]\n"), f.symlink("bin").as("linux-amd64"))
		}},
		{name: "to another platform's part", root: func(f *forge) link {
			return f.pkgWith(metadata("platforms = [\"linux-amd64\", \"linux-arm64\"]\n"), f.dir(f.raw("x").as("x")).as("linux-arm64"),
				f.dir(f.symlink("../linux-arm64/x").as("l"), f.dir(f.exec("#!/bin/sh\necho evil\n", 0o755).as("evil")).as("bin")).as("linux-amd64"))
		}},
		{name: "as a command, out", root: func(f *forge) link {
			return f.pkgWith(metadata("[commands]\nevil = \"bin/evil\"\n"), f.dir(f.symlink("../../../../../outside/file").as("evil")).as("bin"))
		}},
		{name: "as a command, absolute", root: func(f *forge) link {
			return f.pkg(f.dir(f.symlink("/bin/sh").as("evil")).as("bin"))
		}},
		{name: "as a command, to nothing", root: func(f *forge) link {
			return f.pkgWith(metadata("[commands]\nevil = \"bin/evil\"\n"), f.dir(f.symlink("nothing").as("evil")).as("bin"))
		}},
		{name: "as a command, in a circle", root: func(f *forge) link {
			return f.pkgWith(metadata("[commands]\nevil = \"bin/evil\"\n"), f.dir(f.symlink("b").as("evil"), f.symlink("evil").as("b")).as("bin"))
		}},
		{name: "as the root", root: func(f *forge) link { return f.symlink("x") }},
	}
	try(t, "symlinks", all)
}

// TestModes: whatever mode a DAG records, and whatever the umask is, a file is
// 0444 or 0555 and a directory 0755; nothing is set-user-ID, writable or hidden.
func TestModes(t *testing.T) {
	t.Parallel()
	modes := []int{0, 0o100, 0o111, 0o200, 0o400, 0o600, 0o644, 0o666, 0o700, 0o755, 0o777, 0o1000, 0o1777, 0o2755, 0o4755, 0o6777, 0o7777, 0o100644, 0o104755, 0o120777, 1 << 31}
	for _, umask := range []int{0, 0o022, 0o077, 0o777} {
		f := newForge()
		var files []link
		for _, m := range modes {
			files = append(files, f.exec("#!/bin/sh\n", m).as(modeName(m)))
		}
		sub := f.node(files, fType, tDir, fMode, 0o7777)
		root := f.pkg(sub.as("share"))
		w := newWorld(t)
		w.write("x.car", f.car1(root))
		if umask == 0o777 { // of a home that nothing can be written to, only the store is asked
			umask = 0o377
		}
		out := w.runner.run(t, order{Path: ippPath, Args: []string{"install", "./x.car"}, Dir: w.work, Env: w.env(), Umask: umask})
		if out.Code != 0 {
			t.Fatalf("umask %o: %+v", umask, out)
		}
		tree := filepath.Join(w.store(), "trees", root.cid.String()+".any")
		for _, m := range modes {
			want := os.FileMode(0o444)
			if m&0o111 != 0 {
				want = 0o555
			}
			fi, err := os.Lstat(filepath.Join(tree, "share", modeName(m)))
			must(t, err)
			if fi.Mode() != want {
				t.Errorf("umask %o: a file of mode %o became %v", umask, m, fi.Mode())
			}
		}
		if fi, err := os.Lstat(filepath.Join(tree, "share")); err != nil || fi.Mode() != os.ModeDir|0o755 {
			t.Errorf("umask %o: a directory of mode 7777 became %v, %v", umask, fi.Mode(), err)
		}
	}
}

func modeName(m int) string { return "m" + itoa(m) }
