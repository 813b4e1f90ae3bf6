package cmd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipp/cmd/shell"
	"ipp/cmd/term"
	"ipp/profile"
	"ipp/store"
	"ipp/store/durable"
	"ipp/store/flock"
	"ipp/store/index"
)

// patient is what doctor looks at, and what it finds. It looks at everything
// that it can: one thing wrong hides no other.
type patient struct {
	a        *app
	uid      int
	prof     *profile.Profile
	dirs     dirs
	shell    shell.Dirs
	findings []finding
	notes    []finding
	settings []setting
}

// The disk is as good as full below this.
const (
	fewBytes = 16 << 20
	fewFiles = 1000
)

// examine fails only where there is nothing to look at.
func (p *patient) examine(ctx context.Context) (err error) {
	p.findings, p.notes, p.uid = []finding{}, []finding{}, os.Geteuid()
	if p.dirs, err = p.a.set.dirs(); err != nil {
		return err
	}
	if p.prof, err = p.a.openProfile(); err != nil {
		return err
	}
	p.shell = shellDirs(p.prof)
	if owner, ok := ownerOf(p.a.set.home); ok {
		p.user(owner, p.a.set.getenv("SUDO_USER"))
	}
	p.places()
	p.owners()
	p.store(ctx)
	p.commands()
	p.settings = p.allSettings()
	return nil
}

// user looks for root in somebody else's home.
func (p *patient) user(owner int, sudo string) {
	if p.uid == 0 && sudo != "" && owner != 0 {
		p.wrong("sudo", []string{"leave sudo out: ipp needs no root", "for root's own programs: sudo -H ipp …"},
			"ipp runs as root in the home of %s, who could not change what it writes there", sudo)
	}
}

// places looks whether profiles and store can be written where they are.
func (p *patient) places() {
	storeAt := p.storeDir()
	for _, at := range [][2]string{{"profiles", p.dirs.state}, {"store", storeAt}} {
		can, err := p.a.checkPlace(at[0], at[1])
		if err != nil {
			p.failed("home", err)
			continue
		}
		if bytes, files, ok := store.Room(at[1]); ok {
			p.room(at[1], bytes, files)
		}
		if at[0] == "store" {
			p.links(at[1], can)
		}
	}
}

func (p *patient) room(dir string, bytes, files int64) {
	if bytes < fewBytes || files < fewFiles {
		p.wrong("room", []string{"make room; ipp gc deletes what nothing needs (ipp gc --dry-run shows it)"},
			"the disk of %s is full: there is room for %s more, in %s", dir, term.Bytes(bytes), plural(int(min(files, 1<<30)), "file"))
	}
}

func (p *patient) links(dir string, can durable.Abilities) {
	if !can.HardLinks {
		p.wrong("links", []string{"a store on a file system that has them takes less: IPP_STORE says where a new one is made"},
			"the file system of %s has no hard links: what is installed takes its space twice there", dir)
	}
}

// storeDir is where the store is, or would be made.
func (p *patient) storeDir() string {
	dir, err := p.a.storeDir(filepath.Join(p.dirs.state, storeLink), p.dirs)
	if err != nil {
		return p.dirs.store
	}
	return dir
}

// owners looks for another user's files in ipp's directories, not in the trees
// below: who owns a directory can replace what is in it.
func (p *patient) owners() {
	for _, top := range []string{p.dirs.state, p.storeDir()} {
		var foreign []string
		_ = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil // whoever needs it says so
			}
			if owner, ok := ownerOf(path); ok && owner != p.uid {
				foreign = append(foreign, path)
			}
			if rel, _ := filepath.Rel(top, path); d.IsDir() && strings.Count(rel, string(filepath.Separator)) >= 2 {
				return fs.SkipDir
			}
			return nil
		})
		if len(foreign) > 0 {
			p.wrong("owner", []string{"give them back: sudo chown -R " + quote(p.a.set.user) + " " + quote(top)},
				"%s of another user among ipp's, the first is %s: ipp can't replace them", plural(len(foreign), "file"), foreign[0])
		}
	}
}

// store looks at what lies on this disk, as far as that is cheap.
func (p *patient) store(ctx context.Context) {
	if _, err := p.prof.Current(); err != nil {
		p.failed("profile", err)
	}
	st, err := p.a.openStore(false)
	if err != nil || st == nil {
		if !errors.Is(err, fs.ErrPermission) { // told by places
			p.failed("store", err)
		}
		return
	}
	faults, err := index.Glance(ctx, st)
	if err != nil && !errors.As(err, new(*flock.BusyError)) {
		p.failed("index", err)
	}
	if len(faults) > 0 {
		p.wrong("index", []string{"ipp check --repair removes it; whatever needs it makes it anew"}, "the store's index is damaged: %s: %s", faults[0].Path, faults[0].Why)
	}
}

// commands looks whether a shell finds the profile's commands.
func (p *patient) commands() {
	list := filepath.SplitList(p.a.set.path)
	at := slices.IndexFunc(list, func(dir string) bool { return dir == p.shell.Path || sameDir(dir, p.shell.Path) })
	if at < 0 {
		hints := []string{"for this shell: eval \"$(" + p.a.own("env") + ")\"", "for every shell from now on: " + p.a.own("doctor --fix")}
		p.wrong("path", hints, "%s is not on PATH: no shell finds what is installed", p.shell.Path)
		return
	}
	mine := names(p.shell.Path)
	for _, dir := range list[:at] {
		if shadows := p.also(dir, mine); len(shadows) > 0 {
			p.wrong("shadowed", []string{"put ipp's directory in front: the lines of " + p.a.own("env") + " belong at the end of the start-up file"},
				"%s stands before ipp's directory on PATH, and has %s too", dir, strings.Join(shadows, ", "))
		}
	}
	p.hashed(list[at+1:], mine)
}

// also lists those commands of ours that another directory has as well, as other
// files.
func (p *patient) also(dir string, mine []string) (list []string) {
	for _, name := range mine {
		other, err := os.Stat(filepath.Join(dir, name))
		if err != nil || !other.Mode().IsRegular() || other.Mode()&0o111 == 0 {
			continue
		}
		if own, err := os.Stat(filepath.Join(p.shell.Path, name)); err != nil || !os.SameFile(own, other) {
			list = append(list, name)
		}
	}
	return list
}

// hashed looks for commands that the shell may have found elsewhere before they
// were installed: bash and zsh remember. What they remember nobody else can see,
// so it is a note.
func (p *patient) hashed(later, mine []string) {
	again := map[string]string{"bash": "hash -r", "zsh": "rehash"}[p.a.set.shellName()]
	g, err := p.prof.Current()
	began, ok := parentBegan()
	// A generation's time has no fractions.
	if again == "" || err != nil || g == nil || !ok || g.Info.Time.Before(began.Truncate(time.Second)) {
		return
	}
	for _, dir := range later {
		if both := p.also(dir, mine); len(both) > 0 {
			p.notes = append(p.notes, finding{"hash", "this shell began before the current generation was made, and may remember that it found " + strings.Join(both, ", ") + " in " + dir,
				[]string{"let it look again: " + again}})
			return
		}
	}
}

// parentBegan is when the process began that started this one, where the system
// has Linux' /proc: ticks of a hundredth of a second since it booted.
func parentBegan() (time.Time, bool) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(os.Getppid()) + "/stat")
	_, rest, ok := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	boot, err2 := os.ReadFile("/proc/stat")
	_, line, ok2 := strings.Cut(string(boot), "\nbtime ")
	if err != nil || err2 != nil || !ok || !ok2 || len(fields) < 20 {
		return time.Time{}, false
	}
	ticks, err := strconv.ParseInt(fields[19], 10, 64)
	seconds, _, _ := strings.Cut(line, "\n")
	booted, err2 := strconv.ParseInt(seconds, 10, 64)
	return time.Unix(booted, 0).Add(time.Duration(ticks) * 10 * time.Millisecond), err == nil && err2 == nil
}
