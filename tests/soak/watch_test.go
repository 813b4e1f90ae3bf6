//go:build linux

package soak

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// pointer is current at a moment: each flip makes another link.
type pointer struct {
	to   string
	made time.Time
}

func (s *soak) pointer(profile string) pointer {
	to, err := os.Readlink(s.path(profile, "current"))
	if err != nil {
		s.bad("profile %s: %v", profile, err)
	}
	fi, err := os.Lstat(s.path(profile, "current"))
	if err != nil {
		s.bad("profile %s: %v", profile, err)
		return pointer{}
	}
	return pointer{to, fi.ModTime()}
}

// watch runs what current shows in some profile.
func (w *worker) watch() {
	w.pause(50 * time.Millisecond)
	profile := one(w.rand, profiles()...)
	if w.rand.IntN(3) == 0 {
		w.holdInstalled(profile)
		return
	}
	now := w.pointer(profile)
	bad := w.runs(profile, now.to)
	if bad != nil && w.pointer(profile) == now { // else it may be gone by right
		w.bad("profile %s, generation %s: %s", profile, now.to, strings.Join(bad, "\n\t"))
	}
}

// runs runs all programs that current shows, and lists those that do not print
// the version that generation says.
func (s *soak) runs(profile, generation string) (bad []string) {
	list := s.installed(profile, generation)
	if list == nil {
		return []string{"it has no lockfile"}
	}
	for name, version := range list {
		out, err := exec.Command(s.path(profile, "current", "bin", name)).CombinedOutput()
		if err != nil || string(out) != name+" "+version+"\n" {
			bad = append(bad, fmt.Sprintf("%s %s: %v\n%s", name, version, err, out))
		}
	}
	s.count("what current shows", "done")
	return bad
}

// guest is a program that waits to be told to go on.
type guest struct {
	*worker
	cmd           *exec.Cmd
	in            io.WriteCloser
	out           *bufio.Reader
	err           strings.Builder
	name, version string
	dir           string // its tree, as it sees it
}

// invite starts a program that waits; nil where it does not come so far.
func (w *worker) invite(cmd *exec.Cmd, name, version string) *guest {
	g := &guest{worker: w, cmd: cmd, name: name, version: version}
	cmd.Stderr = &g.err
	var err error
	if g.in, err = cmd.StdinPipe(); err != nil {
		w.bad("%v", err)
		return g
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.bad("%v", err)
		return g
	}
	g.out = bufio.NewReader(out)
	w.begin(cmd)
	said := g.line()
	if said != "" && said != name+" "+version {
		w.bad("%v prints %q", cmd, said)
	}
	g.dir = strings.TrimSuffix(g.line(), "/bin/"+name)
	return g
}

// line is what it says next; "" at its end.
func (g *guest) line() string {
	text, _ := g.out.ReadString('\n')
	return strings.TrimSuffix(text, "\n")
}

// leave lets it go on to its end.
func (g *guest) leave() (late string) {
	g.in.Close()
	late = g.line()
	_ = g.cmd.Wait() // the state says it
	return late
}

// stay looks for a while whether it has all its files, and then lets it read one
// itself.
func (g *guest) stay() {
	var bad []string
	for end := time.Now().Add(g.upTo(time.Second)); bad == nil && time.Now().Before(end); {
		bad = g.missing()
		time.Sleep(10 * time.Millisecond)
	}
	late := g.leave()
	if late != "late "+g.version || !g.cmd.ProcessState.Success() {
		bad = append(bad, fmt.Sprintf("it reads %q: %v", late, g.cmd.ProcessState))
	}
	if bad != nil {
		g.bad("%v runs, %s %s in %s: %s\n%s", g.cmd, g.name, g.version, g.dir, strings.Join(bad, "\n\t"), g.err.String())
	}
	g.count("a program that stays", "done")
}

func (g *guest) missing() (bad []string) {
	for name, text := range g.files(g.name, g.version) {
		fi, err := os.Stat(filepath.Join(g.dir, name))
		if err != nil {
			bad = append(bad, err.Error())
		} else if fi.Size() != int64(len(text)) {
			bad = append(bad, fmt.Sprintf("%s has %d bytes, not %d", name, fi.Size(), len(text)))
		}
	}
	return bad
}

// holdRun starts a program with ipp run, of a file or of a package that is kept.
func (w *worker) holdRun() {
	ctx, cancel := context.WithTimeout(context.Background(), hung)
	defer cancel()
	name, version := one(w.rand, kept...), one(w.rand, versions...)
	ref := name + "@" + version
	if w.rand.IntN(2) == 0 {
		name = one(w.rand, loose...)
		ref = car(name, version)
	}
	g := w.invite(w.ipp(ctx, []string{"run", ref, one(w.rand, "stay", "away")}), name, version)
	if g.dir == "" {
		g.leave()
		w.bad("ipp run %s: %v\n%s", ref, g.cmd.ProcessState, g.err.String())
		return
	}
	g.stay()
}

// holdInstalled starts a program that current shows. Whatever then becomes of its
// generation, it has its files: if only that is there when the program has begun,
// because before nobody could know of it.
func (w *worker) holdInstalled(profile string) {
	ctx, cancel := context.WithTimeout(context.Background(), hung)
	defer cancel()
	generation := w.pointer(profile).to
	for name, version := range w.installed(profile, generation) {
		path, err := filepath.EvalSymlinks(w.path(profile, generation, "bin", name))
		if err != nil {
			return // current has moved on, or watch will tell
		}
		g := w.invite(exec.CommandContext(ctx, path, "stay"), name, version)
		if _, err := os.Stat(w.path(profile, generation)); err != nil || g.dir == "" {
			g.leave()
			return
		}
		g.stay()
		return
	}
}
