package full

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"ipp/tests/support"
	"ipp/tests/whole"
)

// home is a user's directories, and what they use.
type home struct {
	ipp, work  string // the binary; packages and other files, on a disk with room
	data, root string // where store and profiles lie
}

// built builds ipp once; TestMain removes it.
var built = sync.OnceValues(func() (string, error) { return support.Build(binDir) })

func newHome(t *testing.T, data, state string) *home {
	t.Helper()
	dir := t.TempDir()
	ipp, err := built()
	if err != nil {
		t.Fatal(err)
	}
	h := &home{ipp: ipp, work: dir, data: filepath.Join(data, "data"), root: filepath.Join(state, "state")}
	for _, v := range []string{"1.0.0", "2.0.0", "3.0.0", "4.0.0"} {
		writePackage(t, filepath.Join(dir, v), v)
		h.must(t, "pack", v, "-o", v+".car")
	}
	h.must(t, "import", "1.0.0.car")
	for _, v := range []string{"1.0.0", "2.0.0", "3.0.0", "2.0.0", "3.0.0"} {
		h.must(t, "install", v+".car")
	}
	return h
}

func (h *home) state() string { return filepath.Join(h.root, "ipp") }

type result struct {
	code     int
	out, err string
}

func (h *home) run(t *testing.T, args ...string) result {
	t.Helper()
	cmd := exec.Command(h.ipp, args...)
	cmd.Dir = h.work
	cmd.Env = []string{"HOME=" + h.work, "XDG_DATA_HOME=" + h.data, "XDG_STATE_HOME=" + h.root, "PATH=" + os.Getenv("PATH"), "USER=tester", support.Offline()}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		t.Fatal(err)
	}
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return result{code, out.String(), errs.String()}
	}
	t.Fatalf("ipp %v: %v\n%s%s", args, err, &out, &errs) // a signal
	return result{}
}

func (h *home) must(t *testing.T, args ...string) string {
	t.Helper()
	r := h.run(t, args...)
	if r.code != 0 {
		t.Fatalf("ipp %s: exit %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.out
}

// names are all names of store and profiles, and sizes of files, but the reserve.
func (h *home) names(t *testing.T) (list []string) {
	t.Helper()
	for _, top := range []string{h.data, h.root} {
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.Name() == "reserve" {
				return fs.SkipDir
			}
			fi, err := d.Info()
			if err == nil && d.Type().IsRegular() && d.Name() != "sweep" { // a mutex says who holds it
				path += fmt.Sprint(" ", fi.Size())
			}
			list = append(list, path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// finishes are commands that finish on a full disk, in this order.
var finishes = [][]string{
	{"list"}, {"list", "--store"}, {"history"}, {"env"}, {"run", "prog"}, {"show", "prog"},
	{"rollback"}, {"rollback"}, {"rollback", "5"}, {"switch", "--generation", "4"}, {"rollback", "5"},
	{"gc", "--dry-run"}, {"gc"}, {"forget", "1.0.0.car", "--yes"}, {"gc", "--keep", "1"}, {"gc"},
	{"remove", "prog"}, {"rollback"},
}

// refused are commands that say what they need before they write.
var refused = [][]string{
	{"install", "4.0.0.car"}, {"install", "./4.0.0"}, {"import", "4.0.0.car"}, {"pack", "4.0.0"}, {"run", "4.0.0.car"},
	{"install", "4.0.0.car", "--json"}, {"install", "4.0.0.car", "--dry-run"},
}

// says is how need and room are told.
var says = regexp.MustCompile(`this needs [0-9.]+ [kM]?B, and the disk of /\S+ has [0-9.]+ k?B left`)

// TestFull: with no byte free what needs none finishes; what needs some says how
// much, and writes nothing.
//
// What made it fail when it was tried: no reserve; a reserve that is not made
// again; space that is checked after the store was opened for writing.
func TestFull(t *testing.T) {
	for name, disk := range map[string]func(t *testing.T) (data, state string){
		"tmpfs": func(t *testing.T) (string, string) { d := tmpfs(t, "size=12m"); return d, d },
		"ext4":  func(t *testing.T) (string, string) { d := ext4(t); return d, d },
		"store and profiles on two disks": func(t *testing.T) (string, string) {
			return tmpfs(t, "size=12m"), tmpfs(t, "size=4m")
		},
	} {
		t.Run(name, func(t *testing.T) {
			data, state := disk(t)
			h := newHome(t, data, state)
			fillBoth := func() {
				fill(t, data)
				if state != data {
					fill(t, state)
				}
			}
			fillBoth()
			before := h.names(t)
			for _, args := range refused {
				h.refuses(t, args, says, "ipp gc")
			}
			if now := h.names(t); !slices.Equal(now, before) {
				t.Errorf("a refused command wrote: %d names before, %d now\n%s", len(before), len(now), diff(before, now))
			}
			for _, args := range finishes {
				fillBoth() // what the one before gave back
				r := h.run(t, args...)
				if r.code != 0 || strings.Contains(r.err, "no space left") {
					t.Errorf("ipp %s: exit %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
				}
			}
			for _, b := range whole.Check(h.state()) {
				t.Error(b)
			}
			if got := h.must(t, "run", "prog"); got != "3.0.0\n" {
				t.Errorf("prog prints %q", got)
			}
		})
	}
}

// refuses runs a command that is refused in these words.
func (h *home) refuses(t *testing.T, args []string, words *regexp.Regexp, hint string) {
	t.Helper()
	want := 1
	if args[0] == "run" {
		want = 125
	}
	r := h.run(t, args...)
	text := r.err + r.out // with --json it stands there
	if r.code != want || !words.MatchString(text) || !strings.Contains(text, hint) {
		t.Errorf("ipp %s: exit %d, want %d and %s\n%s%s", strings.Join(args, " "), r.code, want, words, r.out, r.err)
	}
}

func diff(before, now []string) string {
	var b strings.Builder
	for _, n := range now {
		if !slices.Contains(before, n) {
			fmt.Fprintln(&b, "+", n)
		}
	}
	for _, n := range before {
		if !slices.Contains(now, n) {
			fmt.Fprintln(&b, "-", n)
		}
	}
	return b.String()
}

// TestFullElsewhere: a CAR file is written to a disk of its own, which may be
// the full one.
func TestFullElsewhere(t *testing.T) {
	dir := t.TempDir()
	h := newHome(t, dir, dir)
	to := tmpfs(t, "size=300k")
	car := filepath.Join(to, "out.car")
	for _, args := range [][]string{{"pack", "4.0.0", "-o", car}, {"export", "prog", "-o", car}} {
		h.refuses(t, args, says, "another disk")
	}
	if left, err := os.ReadDir(to); err != nil || len(left) > 0 {
		t.Errorf("something was written: %v, %v", left, err)
	}
}

// TestFullOfFiles: a disk may run out of inodes with bytes to spare.
func TestFullOfFiles(t *testing.T) {
	words := regexp.MustCompile(`this needs [0-9]+ files, and the disk of /\S+ has room for [0-9]+ more \(inodes\)`)
	for name, disk := range map[string]func(t *testing.T) string{
		"tmpfs": func(t *testing.T) string { return tmpfs(t, "size=32m,nr_inodes=600") },
		"ext4":  func(t *testing.T) string { return ext4(t, "-N", "600") },
	} {
		t.Run(name, func(t *testing.T) {
			data := disk(t)
			h := newHome(t, data, data)
			fillFiles(t, data)
			for _, args := range refused {
				h.refuses(t, args, words, "ipp gc")
			}
			for _, args := range [][]string{{"list"}, {"run", "prog"}, {"rollback"}, {"gc"}, {"rollback", "5"}, {"gc", "--keep", "1"}} {
				if r := h.run(t, args...); r.code != 0 {
					t.Errorf("ipp %s: exit %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
				}
			}
			for _, b := range whole.Check(h.state()) {
				t.Error(b)
			}
		})
	}
}

// TestEnough: what says that it needs so much finishes with so much and little
// more.
func TestEnough(t *testing.T) {
	data := tmpfs(t, "size=12m")
	h := newHome(t, data, data)
	fill(t, data)
	r := h.run(t, "install", "4.0.0.car")
	m := regexp.MustCompile(`needs ([0-9]+) kB`).FindStringSubmatch(r.err)
	if m == nil {
		t.Fatalf("exit %d\n%s", r.code, r.err)
	}
	var kB int64
	fmt.Sscan(m[1], &kB)
	fi, err := os.Stat(filepath.Join(data, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(data, "filler"), fi.Size()-(kB+8)*1000); err != nil {
		t.Fatal(err)
	}
	h.must(t, "install", "4.0.0.car")
	if got := h.must(t, "run", "prog"); got != "4.0.0\n" {
		t.Errorf("prog prints %q", got)
	}
}
