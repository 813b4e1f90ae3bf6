//go:build linux

package hostile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// spoil are ways in which a file of ours is damaged, or forged by who can write
// to the home directory.
func spoil() map[string]func(path string, was []byte) error {
	write := func(data []byte) func(string, []byte) error {
		return func(path string, _ []byte) error { return os.WriteFile(path, data, 0o644) }
	}
	swap := func(make func(path string) error) func(string, []byte) error {
		return func(path string, _ []byte) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return make(path)
		}
	}
	return map[string]func(string, []byte) error{
		"empty":   write(nil),
		"zeros":   write(make([]byte, 4096)),
		"escapes": write([]byte("\x1b[2J\x1b]0;owned\x07\u202e\n")),
		"newer":   write([]byte("format = 2\nnew = true\n")),
		"deep":    write([]byte("format = 1\na = " + strings.Repeat("[", 100_000))),
		"large":   write(bytes.Repeat([]byte("# \n"), 1<<20)),
		"halved":  func(path string, was []byte) error { return os.WriteFile(path, was[:len(was)/2], 0o644) },
		"flipped": func(path string, was []byte) error {
			spoilt := bytes.Clone(was)
			spoilt[len(spoilt)/2] ^= 0x80
			return os.WriteFile(path, spoilt, 0o644)
		},
		"gone":                swap(func(string) error { return nil }),
		"a directory":         swap(func(path string) error { return os.Mkdir(path, 0o755) }),
		"a FIFO":              swap(func(path string) error { return syscall.Mkfifo(path, 0o644) }),
		"a link to itself":    swap(func(path string) error { return os.Symlink(filepath.Base(path), path) }),
		"a link to /dev/zero": swap(func(path string) error { return os.Symlink("/dev/zero", path) }),
	}
}

// TestLocalFiles: no damaged file of ours makes a command panic, hang, print what
// a terminal obeys, or take more memory than it may; a command that fails says
// which file it is, and leaves what it found.
func TestLocalFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	files := []string{
		filepath.Join(w.store(), "format"), one(t, w.store(), "roots/p-*"), one(t, w.store(), "trees/*.objects"), one(t, w.store(), "trees/*.car"),
		one(t, w.store(), "trees/*.any/package.toml"),
		filepath.Join(w.profile(), "log"), filepath.Join(w.profile(), "1/generation.toml"), filepath.Join(w.profile(), "1/profile.toml"),
		filepath.Join(w.profile(), "1/profile.lock"),
	}
	f := newForge()
	w.write("x.car", f.car1(f.pkg()))
	for _, file := range files {
		was, err := os.ReadFile(file)
		must(t, err)
		fi, err := os.Stat(file)
		must(t, err)
		for _, how := range sorted(spoil()) {
			must(t, os.Chmod(file, 0o644))
			must(t, spoil()[how](file, was))
			w.base = w.snapshot()
			w.readers(filepath.Base(file)+" "+how, file)
			w.unchanged()
			must(t, os.RemoveAll(file))
			must(t, os.WriteFile(file, was, 0o644))
			must(t, os.Chmod(file, fi.Mode()))
		}
	}
}

// readers runs what reads the files, and changes nothing.
func (w *world) readers(what, file string) {
	w.t.Helper()
	for _, args := range [][]string{
		{"list", "--store", "--json"}, {"history"}, {"verify", "good"}, {"gc", "--dry-run"},
	} {
		out := w.ipp(args...)
		attack{}.bounded(w, what+": "+strings.Join(args, " "), out)
		if out.Code == 0 || w.t.Failed() {
			continue
		}
		if hint := strings.Contains(out.Stderr, "\nhint: ") || strings.Contains(out.Stdout, `"hints"`); !hint {
			w.t.Errorf("%s: %q exits %d without a hint: %s%s", what, args, out.Code, out.Stdout, out.Stderr)
		}
	}
}

// TestLocalLeases: a forged lease protects what it says or everything, and is no
// reason for gc to fail; trash and staging that are not as we make them go or stay,
// and nothing outside does.
func TestLocalLeases(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(w *world) error{
		"a lease of nonsense": func(w *world) error { return os.WriteFile(w.in("leases/1-2-x"), []byte("\x00\xff\x1b[2J"), 0o644) },
		"a lease that is huge": func(w *world) error {
			return os.WriteFile(w.in("leases/1-2-x"), bytes.Repeat([]byte("1 x\n"), 4<<20), 0o644)
		},
		"a lease that is a link":    func(w *world) error { return os.Symlink("../../../../../../outside/file", w.in("leases/1-2-x")) },
		"a lease that is a FIFO":    func(w *world) error { return syscall.Mkfifo(w.in("leases/1-2-x"), 0o644) },
		"trash that is a link":      func(w *world) error { return os.Symlink("../../../../../../outside", w.in("trash/x")) },
		"staging that is a link":    func(w *world) error { return os.Symlink("../../../../../../outside", w.in("staging/x")) },
		"a tree that is a link":     func(w *world) error { return os.Symlink("../../../../../../outside", w.in("trees/x")) },
		"an object that is a link":  func(w *world) error { return os.MkdirAll(w.in("objects/aa"), 0o755) },
		"a shard that is a link":    func(w *world) error { return os.Symlink("../../../../../../outside", w.in("objects/zz")) },
		"names that are no names":   func(w *world) error { return os.WriteFile(w.in("trees/\x1b[2J\n.car"), nil, 0o644) },
		"a profile that is a link":  func(w *world) error { return os.Symlink("/", filepath.Join(w.profile(), "../evil")) },
		"a generation that is huge": func(w *world) error { return os.Mkdir(filepath.Join(w.profile(), "99999999999999999999"), 0o755) },
	} {
		w := newWorld(t)
		must(t, make(w))
		for _, args := range [][]string{{"list", "--store"}, {"gc", "--dry-run"}, {"gc"}, {"list"}} {
			out := w.ipp(args...)
			attack{}.bounded(w, name+": "+strings.Join(args, " "), out)
			if out.Code != 0 && !strings.Contains(out.Stderr, "hint: ") {
				t.Errorf("%s: %q exits %d without a hint: %s", name, args, out.Code, out.Stderr)
			}
		}
		if data, err := os.ReadFile(filepath.Join(w.dir, "outside", "file")); err != nil || string(data) != "outside\n" {
			t.Errorf("%s: the file outside is %q, %v", name, data, err)
		}
		if out := w.ipp("run", "good"); out.Stdout != "good\n" {
			t.Errorf("%s: what is installed no longer runs: %+v", name, out)
		}
	}
}

// TestLocalPlaces: a symlink where ipp keeps a file that it writes into or locks,
// or a directory that it empties, is not followed; a FIFO there is not waited for.
func TestLocalPlaces(t *testing.T) {
	t.Parallel()
	for at, targets := range map[string][]string{
		"store/gc": {"file", "new"}, "store/sweep": {"file", "new"}, "store/leases/1-2-x": {"file", "new"},
		"profiles/default/mutex": {"file", "new"}, "profiles/default/log": {"file", "new"},
		"store/trash": {"", "FIFO"}, "store/leases": {"", "FIFO"}, "store/trees": {"FIFO"}, "store/objects/zz": {"", "FIFO"},
		"profiles/default": {"FIFO"}, "store": {"FIFO"}, "profiles/default/0.gone": {"", "FIFO"},
	} {
		for _, target := range targets {
			w := newWorld(t)
			f := newForge()
			w.write("x.car", f.car1(f.pkg()))
			place := filepath.Join(w.home, ".local/state/ipp", at)
			must(t, os.RemoveAll(place))
			if target == "FIFO" {
				must(t, syscall.Mkfifo(place, 0o644))
			} else {
				must(t, os.Symlink(filepath.Join(w.dir, "outside", target), place))
			}
			for _, args := range [][]string{{"gc"}, {"check"}, {"install", "./x.car"}, {"rollback"}, {"check", "--repair"}} {
				out := w.ipp(args...)
				attack{}.bounded(w, at+" is "+target+": "+strings.Join(args, " "), out)
				if out.Code != 0 && !strings.Contains(out.Stdout+out.Stderr, "hint: ") {
					t.Errorf("%s is %s: %q exits %d without a hint: %s", at, target, args, out.Code, out.Stderr)
				}
			}
			w.outside(at + " is " + target)
		}
	}
}

// outside fails where what no package and no link may touch is not as it was.
func (w *world) outside(what string) {
	w.t.Helper()
	for name, is := range w.snapshot() {
		if was := w.base[name]; strings.HasPrefix(name, "outside") && is != was {
			w.t.Errorf("%s: %s was %q, is %s", what, name, was, is)
		}
	}
}

// TestDirectories: what is packed, installed or verified from a directory holds
// files, directories and links that stay in it; nothing else is opened.
func TestDirectories(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var said strings.Builder
	for _, c := range []struct {
		name string
		make func(dir string) error
	}{
		{"a FIFO", func(d string) error { return syscall.Mkfifo(d+"/share/x", 0o644) }},
		{"a socket", func(d string) error { return syscall.Mknod(d+"/share/x", syscall.S_IFSOCK|0o644, 0) }},
		{"a link to a device", func(d string) error { return os.Symlink("/dev/zero", d+"/share/x") }},
		{"a link out", func(d string) error { return os.Symlink("../../outside/file", d+"/share/x") }},
		{"a link to the directory above", func(d string) error { return os.Symlink("..", d+"/share/x") }},
		{"a FIFO for package.toml", func(d string) error {
			return firstError(os.Remove(d+"/package.toml"), syscall.Mkfifo(d+"/package.toml", 0o644))
		}},
		{"a link for package.toml", func(d string) error {
			return firstError(os.Remove(d+"/package.toml"), os.Symlink("/dev/zero", d+"/package.toml"))
		}},
		{"a name that is no name", func(d string) error { return os.WriteFile(d+"/share/a\x1b[2J\n", nil, 0o644) }},
		{"a name that is not UTF-8", func(d string) error { return os.WriteFile(d+"/share/\xff", nil, 0o644) }},
		{"two names that are one", func(d string) error {
			return firstError(os.WriteFile(d+"/share/é", nil, 0o644), os.WriteFile(d+"/share/e\u0301", nil, 0o644))
		}},
		{"a program that is set-user-ID", func(d string) error { return os.Chmod(d+"/bin/evil", 0o4755|os.ModeSetuid) }},
		{"a sparse file of 100 TB", func(d string) error {
			return firstError(os.WriteFile(d+"/share/x", nil, 0o644), os.Truncate(d+"/share/x", 100e12))
		}},
		{"70 directories deep", func(d string) error { return os.MkdirAll(d+"/share"+strings.Repeat("/d", 70), 0o755) }},
	} {
		dir := w.path("d")
		must(t, os.MkdirAll(dir+"/share", 0o755))
		must(t, os.MkdirAll(dir+"/bin", 0o755))
		must(t, os.WriteFile(dir+"/bin/evil", []byte("#!/bin/sh\necho evil\n"), 0o755))
		must(t, os.WriteFile(dir+"/package.toml", []byte(metadata()), 0o644))
		must(t, c.make(dir))
		said.WriteString("## " + c.name + "\n")
		var answers []answer
		for verb, args := range map[string][]string{"install": {"install", "--dry-run", "./d"}, "pack": {"pack", "--dry-run", "./d"}} {
			out := w.ipp(args...)
			attack{}.bounded(w, c.name+": "+verb, out)
			out.Stdout = "" // a plan of its own
			answers = answered(answers, verb, out)
		}
		for _, a := range byVerb(answers) {
			said.WriteString(a)
		}
		w.unchanged()
		must(t, os.RemoveAll(dir))
	}
	golden(t, "directories", said.String())
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *world) in(name string) string { return filepath.Join(w.store(), name) }

func one(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %q, %v", pattern, found, err)
	}
	return found[0]
}

func byVerb(answers []answer) (all []string) {
	for _, a := range answers {
		all = append(all, fmt.Sprintf("%s:\n%s", strings.Join(sortedWords(a.who), ", "), a.text))
	}
	return sortedWords(all)
}
