package gc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ipp/store"
)

// sleeper packs the system's own sleep.
func (w *world) sleeper() map[string]string {
	w.Helper()
	path, err := exec.LookPath("sleep")
	if err != nil {
		w.Skip("no sleep to make a running program of: ", err)
	}
	data, err := os.ReadFile(path)
	w.must(err)
	return map[string]string{"sleep": string(data)}
}

// start starts a program that goes on until stop.
func (w *world) start(cmd *exec.Cmd) (pid int, stop func()) {
	w.Helper()
	w.must(cmd.Start())
	stop = func() {
		cmd.Process.Kill()
		cmd.Wait()
	}
	w.Cleanup(stop)
	return cmd.Process.Pid, stop
}

// run starts the sleep of a tree, and waits until it is executed.
func (w *world) run(tree string) (pid int, stop func()) {
	w.Helper()
	exe := filepath.Join(tree, "bin/sleep")
	pid, stop = w.start(exec.Command(exe, "600"))
	w.eventually("the program runs", func() bool {
		target, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		return err == nil && target == exe
	})
	return pid, stop
}

func wantUser(t *testing.T, users []Process, pid int, k store.Key) {
	t.Helper()
	for _, p := range users {
		if p.PID == pid && p.Name == "sleep" && len(p.Trees) == 1 && p.Trees[0] == k {
			return
		}
	}
	t.Errorf("process %d with tree %s is not among %+v", pid, k, users)
}

// TestRunningProgramKeepsItsGeneration, and it goes once the program has ended.
func TestRunningProgramKeepsItsGeneration(t *testing.T) {
	w := newWorld(t)
	trees := map[string]store.Key{"sleep": w.install("default", w.sleeper())[0]}
	for _, name := range []string{"a", "b", "c"} {
		trees[name] = w.install("default", one(name))[0]
	}
	pid, stop := w.run(w.st.TreeDir(trees["sleep"]))
	res := w.apply(Policy{Keep: 1})
	if got := w.generations("default"); got != "[1 3 4]" {
		t.Errorf("generations %s", got)
	}
	w.wantTrees(trees, "b c sleep")
	wantUser(t, res.InUse, pid, trees["sleep"])
	w.wantWhole()
	stop()
	res = w.apply(Policy{Keep: 1})
	if got := w.generations("default"); got != "[3 4]" || len(res.InUse) != 0 {
		t.Errorf("generations %s, in use %+v", got, res.InUse)
	}
	w.wantTrees(trees, "b c")
}

// TestRunningProgramKeepsItsTree though no generation holds it, whatever way
// the tree is used.
func TestRunningProgramKeepsItsTree(t *testing.T) {
	sleep := func() *exec.Cmd { return exec.Command("sleep", "600") }
	for name, use := range map[string]func(w *world, tree string) *exec.Cmd{
		"exe": func(w *world, tree string) *exec.Cmd { return exec.Command(tree+"/bin/sleep", "600") },
		"cwd": func(w *world, tree string) *exec.Cmd {
			cmd := sleep()
			cmd.Dir, cmd.Env = tree+"/bin", os.Environ() // which leaves PWD alone
			return cmd
		},
		"fd": func(w *world, tree string) *exec.Cmd {
			f, err := os.Open(tree + "/bin/sleep")
			w.must(err)
			w.Cleanup(func() { f.Close() })
			cmd := sleep()
			cmd.ExtraFiles = []*os.File{f}
			return cmd
		},
		"environ": func(w *world, tree string) *exec.Cmd {
			cmd := sleep()
			cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH=/lib:"+tree+"/lib")
			return cmd
		},
		"a link to the store": func(w *world, tree string) *exec.Cmd {
			link := filepath.Join(w.dir, "link")
			w.must(os.Symlink(w.st.Dir(), link))
			cmd := sleep()
			cmd.Env = append(os.Environ(), "X="+link+"/trees/"+filepath.Base(tree))
			return cmd
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.install("default", one("a"))
			trees := map[string]store.Key{"used": w.loose(w.sleeper())}
			pid, stop := w.start(use(w, w.st.TreeDir(trees["used"])))
			w.eventually("the program runs", func() bool {
				data, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
				return err == nil && string(data) == "sleep\n"
			})
			res := w.apply(Policy{})
			w.wantTrees(trees, "used")
			wantUser(t, res.InUse, pid, trees["used"])
			stop()
			w.apply(Policy{})
			w.wantTrees(trees, "")
		})
	}
}

// TestOwnDescriptorsAreNoUse: gc itself may have looked into a tree.
func TestOwnDescriptorsAreNoUse(t *testing.T) {
	w := newWorld(t)
	k := w.loose(one("loose"))
	f, err := os.Open(w.st.TreeDir(k) + "/bin/x")
	w.must(err)
	defer f.Close()
	w.apply(Policy{})
	w.wantTrees(map[string]store.Key{"loose": k}, "")
}

// TestStartedAfterTheFirstLook: a program that was started after gc looked, and
// before its tree was renamed away, is shown below the trash by the second look.
func TestStartedAfterTheFirstLook(t *testing.T) {
	w := newWorld(t)
	trees := map[string]store.Key{"late": w.loose(w.sleeper()), "dead": w.loose(one("dead"))}
	col, err := w.st.Collect(context.Background())
	w.must(err)
	defer col.Close()
	a := &applying{Collector: w.c, res: &Result{}}
	var pid int
	swept, err := col.Sweep(context.Background(), func(s *store.Sweep) error {
		live, _, err := a.live(s)
		w.must(err)
		pid, _ = w.run(w.st.TreeDir(trees["late"]))
		w.must(s.Trash(live))
		w.wantTrees(trees, "")
		w.must(a.restore(s))
		return nil
	})
	w.must(err)
	w.wantTrees(trees, "late")
	wantUser(t, a.res.InUse, pid, trees["late"])
	if swept.Trees != 1 || swept.Objects != 1 {
		t.Errorf("swept %+v", swept)
	}
	w.wantWhole()
}

// TestTrashOfAKilledOneInUse: what a program uses comes back, and where the
// tree exists again the trash stays until it is unused.
func TestTrashOfAKilledOneInUse(t *testing.T) {
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprint("made again: ", again), func(t *testing.T) {
			w := newWorld(t)
			sleeper := w.sleeper()
			trees := map[string]store.Key{"used": w.loose(sleeper)}
			pid, stop := w.run(w.st.TreeDir(trees["used"]))
			w.c.Proc = "" // the killed one did not look
			w.killedSweep()
			w.c.Proc = "/proc"
			w.wantTrees(trees, "")
			if again {
				w.install("default", sleeper)
			}
			res := w.apply(Policy{})
			w.wantTrees(trees, "used")
			wantUser(t, res.InUse, pid, trees["used"])
			if kept := len(res.Swept.Kept); (kept == 1) != again || len(w.trash()) != kept {
				t.Errorf("kept %v, trash %v", res.Swept.Kept, w.trash())
			}
			w.wantWhole()
			stop()
			w.apply(Policy{})
			if trash := w.trash(); len(trash) != 0 {
				t.Errorf("trash %v", trash)
			}
		})
	}
}

// TestTrashOfATreeThatWasMadeAgain: who uses the new one does not use the old.
func TestTrashOfATreeThatWasMadeAgain(t *testing.T) {
	w := newWorld(t)
	sleeper := w.sleeper()
	k := w.loose(sleeper)
	w.killedSweep()
	w.install("default", sleeper)
	w.run(w.st.TreeDir(k))
	w.apply(Policy{})
	if trash := w.trash(); len(trash) != 0 {
		t.Errorf("trash %v", trash)
	}
	w.wantWhole()
}

// fakeProc makes what /proc would show.
func (w *world) fakeProc(processes map[string]map[string]string) string {
	w.Helper()
	proc := filepath.Join(w.dir, "proc")
	w.must(os.MkdirAll(proc, 0o755))
	w.must(os.Symlink("1", filepath.Join(proc, "self")))
	for pid, entries := range processes {
		w.must(os.MkdirAll(filepath.Join(proc, pid, "fd"), 0o755))
		for name, contents := range entries {
			path := filepath.Join(proc, pid, name)
			if strings.HasPrefix(name, "fd/") || name == "exe" || name == "cwd" || name == "root" {
				w.must(os.Symlink(contents, path))
			} else {
				w.must(os.WriteFile(path, []byte(contents), 0o644))
			}
		}
	}
	return proc
}

func TestScan(t *testing.T) {
	w := &world{T: t, dir: t.TempDir()}
	a, b := treeName(key("a")), treeName(key("b"))
	own := strconv.Itoa(os.Getpid())
	proc := w.fakeProc(map[string]map[string]string{
		"1":   {"exe": "/s/" + a + "/bin/x", "comm": "one\n"},
		"2":   {"exe": "/bin/sh", "maps": "7f-80 r-xp 0 08:01 1 /bin/sh\n81-82 r-xp 0 08:01 2 /s/" + b + "/lib/l.so\n", "comm": "two\n"},
		"3":   {"fd/0": "/dev/null", "fd/7": "/s/" + a + "/share/f", "environ": "X=/s/" + b + "\x00"},
		"4":   {"root": "/s/" + b, "cwd": "/s/" + a, "comm": "four\n"},
		"5":   {"exe": "/bin/sh", "comm": "five\n"},
		"bus": {"exe": "/s/" + a + "/bin/x"},
		own:   {"fd/3": "/s/" + a, "environ": "X=/s/" + b, "comm": "own\n"},
	})
	uses, err := scan(proc, known(a, b))
	w.must(err)
	got := map[int]string{}
	for _, u := range uses {
		got[u.pid] = fmt.Sprintf("%s %v %v", u.comm, u.names[a], u.names[b])
	}
	want := map[int]string{
		1: "one true false", 2: "two false true", 3: "? true true", 4: "four true true",
		os.Getpid(): "own false true",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestScanEndsAtWhatItCannotExplain: only what is hidden or gone is left out.
func TestScanEndsAtWhatItCannotExplain(t *testing.T) {
	w := &world{T: t, dir: t.TempDir()}
	proc := w.fakeProc(map[string]map[string]string{"17": {"exe": "/bin/sh"}})
	w.must(os.Mkdir(filepath.Join(proc, "17/maps"), 0o755)) // reading it fails
	uses, err := scan(proc, known("trees/x"))
	if err == nil || !strings.Contains(err.Error(), "17") || uses != nil {
		t.Errorf("got %v, %v", uses, err)
	}
	if uses, err := scan("", known("trees/x")); uses != nil || err != nil {
		t.Errorf("without a /proc: %v, %v", uses, err)
	}
}

func TestUnlessHidden(t *testing.T) {
	for _, err := range []error{syscall.EACCES, syscall.EPERM, syscall.ENOENT, syscall.ESRCH} {
		if got := unlessHidden(&os.PathError{Err: err}); got != nil {
			t.Errorf("%v: %v", err, got)
		}
	}
	if err := unlessHidden(syscall.EIO); !errors.Is(err, syscall.EIO) {
		t.Errorf("EIO: %v", err)
	}
}
