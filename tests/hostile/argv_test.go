//go:build linux

package hostile

import (
	"strings"
	"testing"
)

// TestArguments: nothing that is a name is taken for an option, nothing that
// follows REF for one of ours, and no word ever meets a shell.
func TestArguments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := newForge()
	echo := f.exec("#!/bin/sh\nfor a; do printf '<%s>' \"$a\"; done; echo\n", 0o755)
	w.write("x.car", f.car1(f.pkgWith(metadata("[environment]\nLOUD = \"$(touch ../outside/owned)\"\n"), f.dir(echo.as("evil")).as("bin"))))
	nasty := []string{"--json", "-c", "--profile", "; touch ../outside/owned", "$(touch ../outside/owned)", "`id`", "", "*", "--", "-rf", "a b", "--bind"}
	want := "<" + strings.Join(nasty, "><") + ">\n"
	for _, args := range [][]string{
		append([]string{"run", "./x.car"}, nasty...),
		append([]string{"run", "./x.car", "--"}, nasty...),
		append([]string{"run", "--", "./x.car"}, nasty...),
		append([]string{"run", "-c", "evil", "./x.car"}, nasty...),
	} {
		if out := w.ipp(args...); out.Stdout != want || out.Code != 0 {
			t.Errorf("%q: %+v, want %q", args, out, want)
		}
	}
	var said strings.Builder
	for _, args := range [][]string{
		{"install", "--bind"}, {"install", "--", "--bind"}, {"install", "-rf"}, {"install", "--", "-rf"}, {"run", "--bind"}, {"run", "--", "--bind"},
		{"run", "-c", "--bind", "./x.car"}, {"run", "-c", "../evil", "./x.car"}, {"run", "-c", "evil;id", "./x.car"},
		{"install", "./x.car", "--as", "--bind"}, {"install", "./x.car", "--as", "../x"}, {"install", "./x.car", "--prefer", "-x"},
		{"show", "$(id)"}, {"show", "a;b"}, {"show", "../../etc/passwd"}, {"show", "/etc/passwd"}, {"show", "/dev/zero"}, {"show", "/dev/null"},
		{"import", "/dev/zero"}, {"verify", "/"},
		{"--profile", "../../x", "list"}, {"--profile", "-x", "list"}, {"--profile", "a/b", "list"}, {"--profile=", "list"},
		{"export", "./x.car", "-o", "/dev/full"}, {"export", "./x.car", "-o", "--bind"}, {"rollback", "--bind"}, {"rollback", "-1"}, {"rollback", "1;id"},
		{"show", "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi/../../x"}, {"run", "good/../../x"},
	} {
		out := w.ipp(args...)
		attack{}.bounded(w, strings.Join(args, " "), out)
		name := strings.Join(args, " ")
		said.WriteString("## ipp " + name[:min(len(name), 100)] + "\n")
		for _, a := range answered(nil, "exit", out) {
			said.WriteString(strings.Join(a.who, "") + ":\n" + strings.ReplaceAll(a.text, w.dir, "DIR"))
		}
	}
	w.unchangedBut("home/.local/share/ipp/store/")
	golden(t, "arguments", said.String())
}

// TestEnvironment: what the environment says is a path or a name, or refused.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var said strings.Builder
	for _, set := range []string{
		"HOME=", "HOME=relative", "HOME=/nowhere/at/all", "XDG_STATE_HOME=relative", "XDG_DATA_HOME=../x", "IPP_STORE=relative", "IPP_STORE=/dev/null",
		"IPP_STORE=--bind", "IPP_PROFILE=../x", "IPP_PROFILE=-x", "IPP_PROFILE=\x1b[2J", "USER=\x1b[2J\nx", "NO_COLOR=$(id)", "TERM=\x1b[2J", "COLUMNS=-1",
		"COLUMNS=99999999999999999999", "PATH=", "TMPDIR=/nowhere",
	} {
		out := w.runner.run(t, order{Path: ippPath, Args: []string{"list"}, Dir: w.work, Env: append(w.env(), set), Umask: 0o022})
		attack{}.bounded(w, set, out)
		said.WriteString("## " + strings.ReplaceAll(strings.ReplaceAll(set, "\x1b", `\x1b`), "\n", `\n`) + "\n")
		for _, a := range answered(nil, "list", out) {
			said.WriteString(strings.Join(a.who, "") + ":\n" + strings.ReplaceAll(a.text, w.dir, "DIR"))
		}
		w.unchanged()
	}
	golden(t, "environment", said.String())
}
