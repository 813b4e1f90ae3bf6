package powercut

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ipp/tests/support"
	"ipp/tests/whole"
)

// unsyncedEnv makes this program one that starts another without its syncs.
const unsyncedEnv = "IPP_TEST_UNSYNCED"

func TestMain(m *testing.M) {
	if os.Getenv(unsyncedEnv) != "" {
		os.Unsetenv(unsyncedEnv)
		fmt.Fprintln(os.Stderr, unsynced(os.Args[1:]))
		os.Exit(125)
	}
	os.Exit(m.Run())
}

// kind is a file system as it is made and mounted.
type kind struct {
	name   string
	size   int64
	sector int // what its disk must write whole: half a superblock is not mounted, and ext4's has 1 KiB, that of btrfs a page
	make   []string
	mount  string
}

func kinds() []kind {
	return []kind{
		{"ext4", 64 << 20, 1024, []string{"mkfs.ext4", "-q", "-E", "nodiscard"}, "data=ordered"},
		{"ext4, writeback", 64 << 20, 1024, []string{"mkfs.ext4", "-q", "-E", "nodiscard"}, "data=writeback,noauto_da_alloc"},
		{"xfs", 320 << 20, 512, []string{"mkfs.xfs", "-q", "-K"}, "nouuid"},
		{"btrfs", 160 << 20, pageSize, []string{"mkfs.btrfs", "-q", "-K"}, "nodiscard"},
	}
}

// step is a command, and what is so once it reported success.
type step struct {
	args    []string
	current int
	prints  string // what the program prints then; "": it is not installed
}

func steps() []step {
	return []step{
		{[]string{"install", "v1.car"}, 1, "1.0.0"},
		{[]string{"install", "v2.car"}, 2, "2.0.0"},
		{[]string{"rollback"}, 1, "1.0.0"},
		{[]string{"switch", "prog@2.0.0"}, 3, "2.0.0"},
		{[]string{"import", "v3.car"}, 3, "2.0.0"},
		{[]string{"remove", "prog"}, 4, ""},
		{[]string{"gc", "--keep", "1"}, 4, ""},
		{[]string{"install", "v1.car"}, 5, "1.0.0"},
		{[]string{"upgrade"}, 5, "1.0.0"},
	}
}

// TestPowerCut cuts the power at every kth event of each file system, from a
// random start; IPP_TEST_POWERCUT=all cuts at each, three times, and
// IPP_TEST_POWERCUT=SEED repeats a sample.
func TestPowerCut(t *testing.T) {
	w := newWorld(t)
	points, seed := 24, rand.Uint64N(1<<32)
	switch v := os.Getenv("IPP_TEST_POWERCUT"); v {
	case "":
	case "all":
		points = 0
	default:
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatalf("IPP_TEST_POWERCUT: %v", err)
		}
		seed = n
	}
	t.Logf("IPP_TEST_POWERCUT=%d repeats this", seed)
	for i, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			points := points
			if i > 0 {
				points /= 3 // the sample is of ext4 first
			}
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			base, log := w.record(t, k, false)
			bad, cuts := w.cutAll(t, k, base, log, points, r, 5)
			for _, b := range bad {
				t.Error(b)
			}
			t.Logf("%d events, %d cuts, %d bad", len(log), cuts, len(bad))
		})
	}
}

// TestUnsynced takes the syncs away, and must see that something was lost.
func TestUnsynced(t *testing.T) {
	w := newWorld(t)
	k := kinds()[0]
	base, log := w.record(t, k, true)
	bad, cuts := w.cutAll(t, k, base, log, 60, rand.New(rand.NewPCG(1, 1)), 1)
	if len(bad) == 0 {
		t.Errorf("%d cuts without any sync lost nothing: this test sees nothing", cuts)
	} else {
		t.Logf("after %d cuts: %s", cuts, bad[0])
	}
}

// world is where the disks are mounted: all at one path, because a store's root
// names its profile's directory.
type world struct {
	ipp, dir string
	mounted  string // the disk's file system
}

func newWorld(t *testing.T) *world {
	if os.Getuid() != 0 {
		support.Skip(t, "needs root, to mount")
	}
	for _, k := range kinds() {
		support.Tool(t, k.make[0])
	}
	dir := t.TempDir()
	ipp, err := support.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{ipp: ipp, dir: dir, mounted: filepath.Join(dir, "m")}
	if err := os.Mkdir(w.mounted, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 3; i++ {
		w.pack(t, fmt.Sprintf("%d.0.0", i), fmt.Sprintf("v%d.car", i))
	}
	return w
}

// pack makes a package of a script that prints its version, and files with and
// without shared contents.
func (w *world) pack(t *testing.T, version, car string) {
	in := filepath.Join(w.dir, "in")
	files := map[string]string{
		"bin/prog":        "#!/bin/sh\necho " + version + "\n",
		"share/doc/same":  strings.Repeat("the same in each\n", 1000),
		"share/doc/other": strings.Repeat(version+"\n", 2000),
		"share/empty":     "",
	}
	for name, text := range files {
		path := filepath.Join(in, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	defer os.RemoveAll(in)
	home := filepath.Join(w.dir, "elsewhere")
	if out, err := w.command(home, "pack", in, "--name", "prog", "--version", version, "-o", car).CombinedOutput(); err != nil {
		t.Fatalf("pack: %v\n%s", err, out)
	}
}

func (w *world) command(home string, args ...string) *exec.Cmd {
	c := exec.Command(w.ipp, args...)
	c.Dir = w.dir
	c.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0", support.Offline()}
	return c
}

// mount mounts what d holds, and returns what takes it off again.
func (w *world) mount(d *disk, k kind) (func() error, error) {
	dir, err := os.MkdirTemp(w.dir, "fuse-")
	if err != nil {
		return nil, err
	}
	file, server, err := attach(d, dir)
	if err != nil {
		return nil, err
	}
	detach := func() error { return errors.Join(server.Unmount(), os.Remove(dir)) }
	fstype, _, _ := strings.Cut(k.name, ",")
	if err := run("mount", "-t", fstype, "-o", "loop,"+k.mount, file, w.mounted); err != nil {
		return nil, errors.Join(err, detach())
	}
	return func() error { return errors.Join(run("umount", w.mounted), detach()) }, nil
}

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// record makes a file system, takes the steps on it, and returns what the disk
// held before and what happened to it.
func (w *world) record(t *testing.T, k kind, lose bool) (pages, []event) {
	image := filepath.Join(w.dir, "image")
	base, err := format(image, k)
	if err != nil {
		t.Fatal(err)
	}
	d := newDisk(k.size, base)
	unmount, err := w.mount(d, k)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unmount(); err != nil {
			t.Error(err)
		}
	}()
	if err := errors.Join(os.Mkdir(w.home(), 0o755), run("sync", "-f", w.mounted)); err != nil {
		t.Fatal(err)
	}
	d.begin()
	for i, s := range steps() {
		c := w.command(w.home(), s.args...)
		if lose {
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			c.Path, c.Args, c.Env = self, append([]string{self, w.ipp}, s.args...), append(c.Env, unsyncedEnv+"=1")
		}
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", s.args, err, out)
		}
		d.mark(strconv.Itoa(i))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.note = false
	return d.base, d.log
}

func (w *world) home() string  { return filepath.Join(w.mounted, "home") }
func (w *world) state() string { return filepath.Join(w.home(), ".local/state/ipp") }

// format makes an empty file system, and returns the pages that are not zero.
func format(image string, k kind) (pages, error) {
	f, err := os.Create(image)
	if err != nil {
		return nil, err
	}
	defer os.Remove(image)
	defer f.Close()
	if err := f.Truncate(k.size); err != nil {
		return nil, err
	}
	if err := run(k.make[0], append(k.make[1:], image)...); err != nil {
		return nil, err
	}
	base := pages{}
	for n := range k.size / pageSize {
		p := new([pageSize]byte)
		if _, err := f.ReadAt(p[:], n*pageSize); err != nil {
			return nil, err
		}
		if *p != [pageSize]byte{} {
			base[n] = p
		}
	}
	return base, nil
}

// cutAll cuts the power at about so many points, at each thrice where points is
// 0, until so many went wrong.
func (w *world) cutAll(t *testing.T, k kind, base pages, log []event, points int, r *rand.Rand, enough int) (bad []string, cuts int) {
	every, times := 1, 3
	if points > 0 {
		every, times = max(1, len(log)/points), 1
	}
	durable, flushed := pages{}, 0 // what the disk must hold, up to the last flush
	for n, p := range base {
		durable[n] = p
	}
	done := -1 // the last step that had reported success
	next := r.IntN(every)
	for i, e := range log {
		switch {
		case e.mark != "":
			done, _ = strconv.Atoi(e.mark)
		case e.data == nil:
			d := newDisk(k.size, durable)
			for _, e := range log[flushed:i] {
				d.write(e.data, e.offset)
			}
			for n, p := range d.own {
				durable[n] = p
			}
			flushed = i + 1
		}
		if i != next {
			continue
		}
		next += every
		for range times {
			d := newDisk(k.size, durable)
			for _, e := range log[flushed : i+1] {
				d.some(e, k.sector, r)
			}
			cuts++
			if err := w.reboot(d, k, done, cuts%3 == 0); err != nil { // after some cuts is enough: it takes most of the time
				bad = append(bad, fmt.Sprintf("cut at event %d of %d, after step %d: %v", i, len(log), done, err))
			}
			if len(bad) >= enough {
				return bad, cuts
			}
		}
	}
	return bad, cuts
}

// reboot mounts what the cut left and looks at it; with goOn it also goes on
// working there.
func (w *world) reboot(d *disk, k kind, done int, goOn bool) (err error) {
	unmount, err := w.mount(d, k)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unmount()) }()
	if err := w.look(done); err != nil {
		return err
	}
	if !goOn {
		return nil
	}
	for _, args := range [][]string{{"list"}, {"gc"}, {"install", "v3.car"}, {"gc", "--keep", "1"}} {
		if out, err := w.command(w.home(), args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ipp %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	if bad := whole.Rest(w.state()); len(bad) > 0 {
		return fmt.Errorf("after the next commands: %s", strings.Join(bad, "; "))
	}
	return w.expect("3.0.0")
}

// look says what is wrong with what the cut left: it must be as the last
// acknowledged step left it, or as the next one would.
func (w *world) look(done int) error {
	if bad := whole.Check(w.state()); len(bad) > 0 {
		return errors.New(strings.Join(bad, "; "))
	}
	current := 0
	target, err := os.Readlink(filepath.Join(w.state(), "profiles/default/current"))
	if err == nil {
		current, err = strconv.Atoi(target)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	all := append([]step{{}}, steps()...)
	before := all[done+1]
	after := all[min(done+2, len(all)-1)]
	switch current {
	case before.current:
		return w.expect(before.prints)
	case after.current:
		return w.expect(after.prints)
	}
	return fmt.Errorf("generation %d is current, not %d or %d", current, before.current, after.current)
}

func (w *world) expect(prints string) error {
	prog := filepath.Join(w.state(), "profiles/default/current/bin/prog")
	out, err := exec.Command(prog).Output()
	if prints == "" {
		if !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s is there: %q, %v", prog, out, err)
		}
		return nil
	}
	if err != nil || strings.TrimSpace(string(out)) != prints {
		return fmt.Errorf("prog printed %q, not %s: %v", out, prints, err)
	}
	return nil
}
