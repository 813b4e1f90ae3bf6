package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"ipp/cmd/term"
	"ipp/lock/ref"
)

type tourCmd struct {
	Keep bool `help:"Leave the tour's directory behind, to look around in."`
}

func (tourCmd) doc() doc {
	return doc{
		usage: "tour [--keep]",
		about: `Shows what ipp does, on real programs, in a temporary home: two versions for two
			platforms are built, signed and packed, installed, switched, rolled back, run, served
			to a second home and from there to a third, carried to a fourth, and collected. Each
			command is printed as you would type it. Nothing of yours is touched, and no other
			machine is reached.`,
		examples: []string{"ipp tour", "ipp tour --keep"},
	}
}

// tour is one run through the commands.
type tour struct {
	a     *app
	self  string // our own executable
	dir   string // all of it is here
	home  string // now
	path  bool   // the profile's bin is on PATH
	other ref.Platform
	count int               // chapters
	cids  map[string]string // of the packed versions
}

func (t *tourCmd) run(ctx context.Context, a *app) (err error) {
	self, err := os.Executable()
	if err != nil {
		return failed("tour", "", err)
	}
	dir, err := os.MkdirTemp("", "ipp-tour-")
	if err != nil {
		return tourFailed(err)
	}
	tr := &tour{a: a, self: self, dir: dir, home: filepath.Join(dir, "home"), cids: map[string]string{}}
	started := a.now()
	if err := tr.walk(ctx); err != nil {
		a.println()
		if ctx.Err() != nil || a.term.OutErr() != nil {
			return errors.Join(ctx.Err(), os.RemoveAll(dir)) // nobody looks at it any more
		}
		return tourFailed(fmt.Errorf("%w (all of it is left in %s)", err, dir))
	}
	a.println()
	a.printf("That was the tour, in %s.\n", a.now().Sub(started).Round(100*time.Millisecond))
	if t.Keep {
		a.println("It is left in ", term.Safe(dir))
		return nil
	}
	return failed("tour", "", os.RemoveAll(dir))
}

// tourFailed knows that TMPDIR may be absent, or on a file system that runs no
// programs.
func tourFailed(err error) error {
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) {
		return failed("tour", "", err)
	}
	return &failure{verb: "tour", err: err, code: exitFailed,
		hints: []string{"it takes place in TMPDIR, where programs must be allowed to run: TMPDIR=DIR ipp tour"}}
}

// walk takes the steps. Where there is no Go, our own executable is the program.
func (t *tour) walk(ctx context.Context) error {
	for _, d := range []string{"home", "second-home", "third-home", "fourth-home", "build"} {
		if err := t.makeDir(d); err != nil {
			return err
		}
	}
	t.say("All of this happens in a temporary directory, with a home of its own.")
	t.echo("cd " + quote(t.dir))
	t.echo(`export HOME="$PWD/home"`)
	if err := t.makePrograms(ctx); err != nil {
		return err
	}
	for _, chapter := range []func(context.Context) error{t.pack, t.install, t.switching, t.publish, t.carry, t.collect} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

// makeDir makes a directory of the tour, and in case it is a home tells ipp there
// to reach no network but what a command names.
func (t *tour) makeDir(name string) error {
	dir := filepath.Join(t.dir, name, ".config", "ipp")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, configName), []byte("format = 1\n\n[network]\noffline = true\n"), 0o644)
}

// The two versions of the tour's program.
const (
	oldVersion = "1.0.0"
	newVersion = "1.1.0"
)

func (t *tour) pack(ctx context.Context) error {
	t.chapter("Pack. All platforms are one package, and it has one CID: the same on every machine.")
	t.say("A key signs what is packed: whoever installed it once takes later versions from this key alone.")
	if err := t.ipp(ctx, "key", "new", "author"); err != nil {
		return err
	}
	if err := t.packed(ctx, oldVersion, "-o", "greet.car"); err != nil {
		return err
	}
	t.say("Without -o a package goes into the store, where it has a name.")
	return t.packed(ctx, newVersion)
}

// packed packs a version, and keeps its CID.
func (t *tour) packed(ctx context.Context, version string, more ...string) error {
	var cid bytes.Buffer
	err := t.commandTo(ctx, io.MultiWriter(t.a.raw, &cid), "ipp", t.self, t.packArgs(version, more...)...)
	t.cids[version] = strings.TrimSpace(cid.String())
	return err
}

func (t *tour) packArgs(version string, more ...string) []string {
	args := []string{"pack", "--sign", "author", "--name", "greet", "--version", version}
	for _, p := range t.platforms() {
		args = append(args, "--platform", string(p)+"="+t.program(version, p))
	}
	return append(args, more...)
}

func (t *tour) install(ctx context.Context) error {
	t.chapter("Install. Only this machine's part is taken out of the package.")
	if err := t.ipp(ctx, "install", "./greet.car"); err != nil {
		return err
	}
	t.say("`ipp env` prints the lines that let a shell find it; put them into your shell's start-up file.")
	t.echo(`eval "$(ipp env sh)"`)
	t.path = true
	return t.greet(ctx)
}

func (t *tour) switching(ctx context.Context) error {
	t.chapter("Switch to another version, and take it back. Each change is a generation; going back is one step.")
	if err := t.ipp(ctx, "switch", "greet@"+newVersion); err != nil {
		return err
	}
	if err := t.greet(ctx); err != nil {
		return err
	}
	if err := t.ipp(ctx, "rollback"); err != nil {
		return err
	}
	if err := t.greet(ctx); err != nil {
		return err
	}
	if err := t.ipp(ctx, "history"); err != nil {
		return err
	}
	t.say("A version can also run without being installed.")
	return t.ipp(ctx, append([]string{"run", "greet@" + newVersion}, t.greetArgs()...)...)
}

func (t *tour) carry(ctx context.Context) error {
	t.chapter("Carry it to another machine without a network. A home that has nothing yet stands for that machine.")
	if err := t.ipp(ctx, "export", "greet@"+newVersion, "-o", "to-go.car"); err != nil {
		return err
	}
	t.goTo("fourth-home")
	if err := t.ipp(ctx, "install", "./to-go.car"); err != nil {
		return err
	}
	if err := t.ipp(ctx, "list"); err != nil {
		return err
	}
	t.goTo("home")
	return nil
}

func (t *tour) collect(ctx context.Context) error {
	t.chapter("Remove and collect. Only what nothing needs is deleted; a dry run says what that is, and why the rest stays.")
	for _, args := range [][]string{
		{"remove", "greet"},
		{"forget", "greet@" + newVersion, "--yes"},
		{"gc", "--keep", "1", "--dry-run"},
		{"gc", "--keep", "1"},
		{"list", "--store"},
	} {
		if err := t.ipp(ctx, args...); err != nil {
			return err
		}
	}
	t.say("Even now there is a way back.")
	if err := t.ipp(ctx, "rollback"); err != nil {
		return err
	}
	return t.greet(ctx)
}

// chapter begins a part of the tour.
func (t *tour) chapter(text string) {
	t.count++
	t.a.println()
	t.say(fmt.Sprintf("%d. %s", t.count, text))
}

// say prints a remark, which a shell would skip.
func (t *tour) say(text string) {
	for _, line := range term.Wrap(text, max(20, min(t.a.term.Width(), 100)-2)) {
		t.a.println(t.a.term.OutStyle().Dim("# " + line))
	}
}

// echo prints a command line as one would type it.
func (t *tour) echo(line string) {
	t.a.println(t.a.term.OutStyle().Bold("$ " + line))
}

func (t *tour) goTo(home string) {
	t.home = filepath.Join(t.dir, home)
	t.echo(fmt.Sprintf(`export HOME="$PWD/%s"`, home))
}

// ipp runs a command of this very executable.
func (t *tour) ipp(ctx context.Context, args ...string) error {
	return t.command(ctx, "ipp", t.self, args...)
}

// greet runs the installed program, found through PATH.
func (t *tour) greet(ctx context.Context) error {
	return t.command(ctx, "greet", filepath.Join(t.bin(), "greet"+exeSuffix()), t.greetArgs()...)
}

func (t *tour) bin() string {
	return filepath.Join(t.home, ".local", "state", "ipp", "profiles", "default", "current", "bin")
}

func (t *tour) command(ctx context.Context, name, path string, args ...string) error {
	return t.commandTo(ctx, t.a.raw, name, path, args...)
}

// commandTo is command whose standard output goes to out.
func (t *tour) commandTo(ctx context.Context, out io.Writer, name, path string, args ...string) error {
	words := []string{name}
	for _, a := range args {
		words = append(words, quote(a))
	}
	t.echo(strings.Join(words, " "))
	c := exec.CommandContext(ctx, path, args...)
	c.Dir, c.Env = t.dir, t.environ()
	c.Stdout, c.Stderr = out, t.a.raw
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(words, " "), err)
	}
	return nil
}

// environ is ours with another home, and without what would lead out of it.
func (t *tour) environ() []string {
	var env []string
	for _, k := range slices.Sorted(mapKeys(t.a.set.env)) {
		switch {
		case k == "HOME", k == "USERPROFILE", strings.HasPrefix(k, "XDG_"), strings.HasPrefix(k, "IPP_"):
		case k == "PATH" && t.path:
			env = append(env, "PATH="+t.bin()+string(filepath.ListSeparator)+t.a.set.env[k])
		default:
			env = append(env, k+"="+t.a.set.env[k])
		}
	}
	return append(env, "HOME="+t.home, "USERPROFILE="+t.home)
}

func exeSuffix() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

// program is where a version for a platform was built, below the tour's
// directory.
func (t *tour) program(version string, p ref.Platform) string {
	name := "greet"
	if p.OS() == "windows" {
		name += ".exe"
	}
	return strings.Join([]string{"build", version, string(p), name}, "/")
}

func (t *tour) platforms() []ref.Platform {
	list := []ref.Platform{ref.Host().Plain()}
	if t.other != "" {
		list = append(list, t.other)
	}
	return list
}

// copyProgram makes our own executable the program: a longer one is a newer one.
func (t *tour) copyProgram(version string, extra string) error {
	to := filepath.Join(t.dir, filepath.FromSlash(t.program(version, ref.Host().Plain())))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := os.Open(t.self)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.MultiReader(in, strings.NewReader(extra)))
	return errors.Join(err, out.Close())
}
