//go:build unix

package damage

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ipp/tests/support"
)

// world is a home with a store and two profiles in it, beside the packages that
// it was made from.
type world struct {
	t    testing.TB
	ipp  string
	dir  string
	was  map[string]string // what every file was, see look
	kept string            // a copy of the home
	as   uint32            // whose user commands run as, where it is another's
}

// result is what a command did.
type result struct {
	code     int
	out, err string
}

// built is the binary, made once.
var built string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "ipp-")
	if err == nil {
		built, err = support.Build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// newWorld packs and installs.
func newWorld(t testing.TB) *world {
	dir, err := support.Scratch()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &world{t: t, ipp: built, dir: dir, kept: filepath.Join(dir, "kept")}
	w.packages()
	for _, line := range []string{
		"install ./a.car", "install ./b.car", "rollback 1", "install ./s.car", "install ./b.car",
		"install ./a.car --profile second", "import c.car", "gc",
	} {
		if r := w.run(strings.Fields(line)...); r.code != 0 {
			t.Fatalf("ipp %s: exit %d\n%s%s", line, r.code, r.out, r.err)
		}
	}
	w.was = w.look()
	w.copy(w.home(), w.kept)
	return w
}

func (w *world) home() string  { return filepath.Join(w.dir, "home") }
func (w *world) store() string { return filepath.Join(w.home(), ".local", "share", "ipp", "store") }

// packages writes the sources: a has every kind of file, b and c share files
// with it, s is split by platform.
func (w *world) packages() {
	big := bytes.Repeat([]byte("0123456789abcdef"), 3<<16) // 3 MiB: several leaves
	shared := "shared by a, b and c\n"
	host := runtime.GOOS + "-" + runtime.GOARCH
	for path, text := range map[string]string{
		"a/package.toml":    meta("a", ""),
		"a/bin/a":           "#!/bin/sh\necho this is a\n",
		"a/share/doc/a":     shared,
		"a/share/a/big":     string(big),
		"a/share/a/empty":   "",
		"a/share/a/script":  "#!/bin/sh\necho this is a\n", // as bin/a, without the run bit
		"b/package.toml":    meta("b", ""),
		"b/bin/b":           "#!/bin/sh\necho this is b\n",
		"b/share/doc/b":     shared,
		"c/package.toml":    meta("c", ""),
		"c/bin/c":           "#!/bin/sh\necho this is c\n",
		"c/share/doc/c":     shared,
		"d/package.toml":    meta("d", ""), // is never installed
		"d/bin/d":           "#!/bin/sh\necho this is a\n",
		"d/bin/e":           "#!/bin/sh\necho this is b\n",
		"d/share/doc/d":     shared,
		"d/share/d/big":     string(big),
		"s/package.toml":    meta("s", fmt.Sprintf("platforms = [%q, \"plan9-arm\"]\n", host)),
		"s/plan9-arm/bin/s": "#!/bin/rc\n",
		"s/any/share/s":     shared,
	} {
		w.write(path, text)
	}
	w.write("s/"+host+"/bin/s", "#!/bin/sh\necho this is s\n")
	w.must(os.Symlink("big", w.path("a/share/a/link")))
	w.must(os.MkdirAll(w.path("s/any/lib"), 0o755))
	w.must(os.Symlink("../share/s", w.path("s/any/lib/only")))
	w.must(os.MkdirAll(w.path("s/links"), 0o755)) // beside the platforms, and no file in it
	w.must(os.Symlink("../any/share/s", w.path("s/links/s")))
	for _, p := range []string{"a", "b", "c", "d", "s"} {
		if r := w.run("pack", "./"+p, "-o", p+".car"); r.code != 0 {
			w.t.Fatalf("pack %s: %s", p, r.err)
		}
	}
	w.must(os.RemoveAll(w.home())) // pack keeps what it packs
}

func meta(name, more string) string {
	return fmt.Sprintf("format = 1\nname = %q\nversion = \"1.0.0\"\n%s", name, more)
}

func (w *world) path(path string) string { return filepath.Join(w.dir, filepath.FromSlash(path)) }

func (w *world) write(path, text string) {
	mode := fs.FileMode(0o644)
	if strings.Contains(path, "/bin/") {
		mode = 0o755
	}
	w.must(os.MkdirAll(filepath.Dir(w.path(path)), 0o755))
	w.must(os.WriteFile(w.path(path), []byte(text), mode))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// command is ipp, not yet started.
func (w *world) command(args ...string) *exec.Cmd {
	cmd := exec.Command(w.ipp, args...)
	cmd.Dir = w.dir
	if w.as != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: w.as, Gid: w.as}}
	}
	cmd.Env = []string{"HOME=" + w.home(), "USER=tester", "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0", support.Offline()}
	return cmd
}

// run runs ipp.
func (w *world) run(args ...string) result {
	cmd := w.command(args...)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	failure := cmd.Run()
	if cmd.ProcessState == nil {
		w.t.Fatal(failure)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), err.String()}
}

// look says of every name below the home what it is. What is nobody's truth is
// left out: mutexes, trash, leases, staging, the reserve, and when a root was made.
func (w *world) look() map[string]string {
	all := map[string]string{}
	names := map[uint64]string{} // the first name of each inode
	w.must(filepath.WalkDir(w.home(), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(w.home(), path)
		base := filepath.Base(path)
		switch parent := filepath.Base(filepath.Dir(path)); {
		case base == "sweep", base == "gc", strings.HasSuffix(base, "mutex"), base == "log.damaged",
			parent == "trash", parent == "leases", parent == "staging", base == "reserve":
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.IsDir() || filepath.Base(filepath.Dir(path)) != "objects" { // gc leaves empty ones
			all[rel] = w.what(path, rel, d, names)
		}
		return nil
	}))
	return all
}

var since = regexp.MustCompile(`(?m)^(since|why) = .*$`)

func (w *world) what(path, rel string, d fs.DirEntry, names map[uint64]string) string {
	info, err := d.Info()
	w.must(err)
	switch {
	case d.IsDir():
		return "directory"
	case d.Type() == fs.ModeSymlink:
		target, err := os.Readlink(path)
		w.must(err)
		return "-> " + target
	}
	data, err := os.ReadFile(path)
	w.must(err)
	if strings.Contains(rel, "/roots/") {
		data = since.ReplaceAll(data, nil)
	}
	ino := uint64(info.Sys().(*syscall.Stat_t).Ino)
	if names[ino] == "" {
		names[ino] = rel // objects come before trees
	}
	return fmt.Sprintf("%v %x is %s", info.Mode(), sha256.Sum256(data), names[ino])
}

// changed lists how the home differs from what it was.
func (w *world) changed() []string {
	is := w.look()
	var list []string
	for path, what := range w.was {
		// That two names are one inode is not held: a copy is as good.
		if now, _, _ := strings.Cut(is[path], " is "); now != strings.Split(what, " is ")[0] {
			list = append(list, fmt.Sprintf("%s: was %s, is %s", path, what, is[path]))
		}
	}
	for path, what := range is {
		if w.was[path] == "" {
			list = append(list, fmt.Sprintf("%s: is new: %s", path, what))
		}
	}
	slices.Sort(list)
	return list
}

// reset puts the home back as it was made, hard links and all.
func (w *world) reset() {
	w.must(os.RemoveAll(w.home()))
	w.copy(w.kept, w.home())
}

func (w *world) copy(from, to string) {
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		w.t.Fatalf("cp: %v\n%s", err, out)
	}
}
