//go:build linux

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ipp/tests/homes"
	"ipp/tests/trace"
	"ipp/tests/whole"
)

// nobody is who runs ipp where permissions have to count: they don't for root.
const nobody = 65534

// asNobody is shell by somebody whom permissions stop.
func asNobody(w *homes.World, line string) (out string, code int) {
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = w.Dir
	cmd.Env = append(w.Command().Env, "IPP="+w.IPP)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	text, _ := cmd.CombinedOutput()
	return string(text), cmd.ProcessState.ExitCode()
}

// testPlaces are homes and surroundings of all kinds: ipp works there, or says
// what is wrong and what to do before it shows a plan, exits 1, and has written
// nothing.
func testPlaces(t *testing.T, w *homes.World) {
	const works = "generation 1 is current"
	for _, tt := range []struct{ name, before, run, said string }{
		{"no HOME", ``, `env -u HOME $IPP install v1.car`, "HOME is not set"},
		{"HOME is empty", ``, `HOME= $IPP install v1.car`, "HOME is not set"},
		{"HOME is relative", ``, `HOME=home $IPP install v1.car`, "not an absolute path"},
		{"HOME is a file", `rmdir home; echo >home`, `$IPP install v1.car`, "not a directory"},
		{"HOME is absent", ``, `HOME=$HOME/a/b $IPP install v1.car`, works},
		{"HOME can't be read", `chmod 0 home`, `$IPP install v1.car`, "permission denied"},
		{"HOME can't be written", `chmod 555 home`, `$IPP install v1.car`, "permission denied"},
		{"HOME is /proc", ``, `HOME=/proc $IPP install v1.car`, "ipp: make profiles: mkdir in /proc: "},
		{"HOME is a device", ``, `HOME=/dev/null $IPP install v1.car`, "not a directory"},
		{"pack where HOME can't be written", `chmod 555 home`, `$IPP pack v1`, "permission denied"},
		{"XDG alone", ``, `env -u HOME XDG_STATE_HOME=$HOME/s XDG_DATA_HOME=$HOME/d $IPP install v1.car`, works},
		{"XDG is relative, and ignored", ``, `XDG_STATE_HOME=s XDG_DATA_HOME=d $IPP install v1.car && test -d home/.local/state/ipp && test ! -e s`, works},
		{"umask 0", ``, `umask 0; $IPP install v1.car`, works},
		{"umask 077", ``, `umask 077; $IPP install v1.car`, works},
		{"umask 0777", ``, `umask 0777; $IPP install v1.car`, works},
		{"TMPDIR is absent", ``, `TMPDIR=/nowhere $IPP install v1.car`, works},
		{"TMPDIR can't be used", ``, `TMPDIR=/proc $IPP install ./v1`, works},
		{"PATH is empty", ``, `PATH= $IPP install v1.car`, works},
		{"no environment but HOME", ``, `/usr/bin/env -i HOME=$HOME $IPP install v1.car`, works},
		{"the working directory is gone", `mkdir -p home/gone`, `V=$PWD/v1.car; cd home/gone; rmdir ../gone; $IPP install $V`, works},
		{"a working directory that can't be read", `mkdir -p home/shut`, `V=$PWD/v1.car; cd home/shut; chmod 0 .; $IPP install $V; R=$?; chmod 700 ../shut; exit $R`, works},
	} {
		fresh(t, w)
		if out, code := asNobody(w, tt.before); code != 0 {
			t.Fatalf("%s: %s", tt.name, out)
		}
		before := listing(w.Home())
		out, code := asNobody(w, tt.run)
		if !strings.Contains(out, tt.said) {
			t.Errorf("%s: it does not say %q", tt.name, tt.said)
		}
		bad := whole.Check(w.State())
		if tt.said != works {
			if code != 1 || !strings.Contains(out, "\nhint: ") || !strings.HasPrefix(out, "ipp: ") {
				bad = append(bad, "no error with a hint, before all else")
			}
			if now := listing(w.Home()); now != before {
				bad = append(bad, "it wrote "+now)
			}
		} else if code != 0 {
			bad = append(bad, fmt.Sprintf("exit %d", code))
		}
		if len(bad) > 0 {
			t.Errorf("%s: %s\n%s", tt.name, strings.Join(bad, "\n\t"), out)
		}
	}
}

// fresh gives nobody an empty home, and what lies beside it.
func fresh(t *testing.T, w *homes.World) {
	t.Helper()
	script := `chmod -R u+rwX home 2>/dev/null; rm -rf home && mkdir home && chmod -R a+rX . && chmod 755 .`
	if os.Getuid() == 0 {
		script += fmt.Sprintf(` && chown %d:%d home . v1 v1/*`, nobody, nobody)
	}
	if out, code := shell(w, script); code != 0 {
		t.Fatal(out)
	}
}

func listing(dir string) string {
	out, _ := exec.Command("find", dir).CombinedOutput()
	return string(out)
}

// testSudo: what root did in somebody's home is told to them, with a way out.
func testSudo(t *testing.T, w *homes.World) {
	if os.Getuid() != 0 {
		t.Log("not root: nobody's home can't be written in their stead")
		return
	}
	fresh(t, w)
	if out, code := shell(w, `$IPP install v1.car`); code != 0 {
		t.Fatal(out)
	}
	for _, line := range []string{`$IPP install v2.car`, `$IPP rollback`, `$IPP gc`, `$IPP remove prog`} {
		out, code := asNobody(w, line)
		if line == `$IPP rollback` && code == 3 { // nothing to go back to
			continue
		}
		if code != 1 || !strings.Contains(out, "permission denied") || !strings.Contains(out, "sudo") {
			t.Errorf("%s: exit %d\n%s", line, code, out)
		}
	}
	if out, code := asNobody(w, `$IPP list`); code != 0 || !strings.Contains(out, "prog") {
		t.Errorf("list: exit %d\n%s", code, out)
	}
}

// testNoProc: where nothing tells which programs run, nothing is removed.
func testNoProc(t *testing.T, w *homes.World) {
	w.Reset(t, "dead")
	before := w.Generations()
	proc := func(c trace.Call) bool {
		return strings.HasPrefix(c.Where, "/proc/") && !strings.HasPrefix(c.Where, "/proc/self/")
	}
	r := w.Trace(t, []trace.Injection{{Match: proc, Errno: syscall.ENOENT}}, "gc", "--keep", "1")
	if r.Status.ExitStatus() != 1 || !strings.Contains(r.Output, "/proc is not mounted") || !strings.Contains(r.Output, "hint: mount it") {
		t.Errorf("status %v\n%s", r.Status, r.Output)
	}
	for _, bad := range append(homes.Changed(before, w.Generations()), whole.Check(w.State())...) {
		t.Error(bad)
	}
}

// testNames: on a file system whose names have 143 bytes at most (eCryptfs) our
// own do, and a package with longer ones is refused by name.
func testNames(t *testing.T, w *homes.World) {
	long := func(c trace.Call) bool { return len(filepath.Base(c.Where)) > 143 }
	inject := []trace.Injection{{Match: long, Errno: syscall.ENAMETOOLONG}}
	for _, op := range homes.Operations() {
		w.Reset(t, op.From)
		r := w.Trace(t, inject, op.Args...)
		if len(r.Hit) > 0 || r.Status != 0 {
			t.Errorf("%s: names of ours are longer: %v\n%s", op.Name, r.Hit, r.Output)
		}
	}
	w.Reset(t, "one")
	name := strings.Repeat("n", 144)
	if out, code := shell(w, `cp -r v2 long && echo x >long/share/`+name+` && $IPP pack long -o long.car`); code != 0 {
		t.Fatal(out)
	}
	r := w.Trace(t, inject, "install", "long.car")
	refused(t, w, r.Output, r.Status.ExitStatus(), name)
}

// refused checks that an install left everything as it was, and said why.
func refused(t *testing.T, w *homes.World, out string, code int, name string) {
	t.Helper()
	if code != 1 || !strings.Contains(out, "file name too long") || !strings.Contains(out, name) || !strings.Contains(out, "hint: ") {
		t.Errorf("exit %d\n%s", code, out)
	}
	for _, bad := range whole.Check(w.State()) {
		t.Error(bad)
	}
	if got := w.Version(); got != "1.0.0" {
		t.Errorf("prog prints %q", got)
	}
	if bad := w.Run("gc"); bad != nil {
		t.Error(bad)
	}
	for _, bad := range whole.Rest(w.State()) {
		t.Error(bad)
	}
}

// testDeep are homes whose paths are nearly as long as paths may be.
func testDeep(t *testing.T, w *homes.World) {
	elem := strings.Repeat("d", 200)
	into := func(length int) string { // as many directories as that takes
		line := "set -e; cd home; P=$HOME\n"
		for n := len(w.Home()); n+len(elem) < length; n += len(elem) + 1 {
			line += "mkdir -p " + elem + "; cd " + elem + "; P=$P/" + elem + "\n"
		}
		return line
	}
	w.Reset(t, "empty")
	out, code := shell(w, into(4090)+`HOME=$P $IPP install `+w.Dir+`/v1.car || { echo code $?; ls -A; }`)
	if code != 0 || !strings.Contains(out, "file name too long\n") || !strings.HasSuffix(out, "code 1\n") || !strings.HasPrefix(out, "ipp: make profiles") {
		t.Errorf("exit %d\n%s", code, out)
	}
	w.Reset(t, "empty")
	out, code = shell(w, into(3700)+`HOME=$P $IPP install `+w.Dir+`/v1.car && .local/state/ipp/profiles/default/current/bin/prog`)
	if code != 0 || !strings.HasSuffix(out, "\n1.0.0\n") {
		t.Errorf("exit %d\n%s", code, out)
	}
	// A package whose own paths are too long for such a home.
	pack := `rm -rf deep; cp -r v2 deep && mkdir -p deep/share/` + elem + `/` + elem + ` && echo x >deep/share/` + elem + `/` + elem + `/f && $IPP pack deep -o deep.car`
	if out, code := shell(w, pack); code != 0 {
		t.Fatal(out)
	}
	out, code = shell(w, strings.Replace(into(3700), "set -e;", "", 1)+`export HOME=$P; $IPP install `+w.Dir+`/deep.car; echo code $?; $IPP list; .local/state/ipp/profiles/default/current/bin/prog && $IPP gc`)
	if !strings.Contains(out, "file name too long") || !strings.Contains(out, elem+"/f") || !strings.Contains(out, "code 1\n") || !strings.Contains(out, "\n1.0.0\n") {
		t.Errorf("exit %d\n%s", code, out)
	}
}
