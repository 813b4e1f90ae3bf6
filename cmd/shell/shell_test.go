package shell

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ipp/tests/support"
)

// shells are started without anybody's start-up files.
func shells() map[string][]string {
	return map[string][]string{"sh": {"sh", "-u"}, "bash": {"bash", "--norc", "-u"}, "zsh": {"zsh", "-f", "-u"}, "fish": {"fish", "-N"}}
}

// runShell gives a real shell a script, and returns what it prints; whatever it
// complains of fails the test.
func runShell(t *testing.T, shell, script string, environ ...string) string {
	t.Helper()
	words := shells()[shell]
	cmd := exec.Command(support.Tool(t, words[0]), append(words[1:], "-c", script)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, environ...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s: %v\n%s", shell, err, stderr.String())
	}
	return string(out)
}

// lists prints each variable as a line of its name and its entries.
func lists(shell string) string {
	switch shell {
	case "fish":
		return "echo PATH=(string join : -- $PATH)\necho MANPATH=(string join : -- $MANPATH)\necho XDG_DATA_DIRS=(string join : -- $XDG_DATA_DIRS)\necho DIRS=(string join : -- $fish_complete_path)\n"
	case "zsh":
		return "print -r PATH=$PATH\nprint -r MANPATH=$MANPATH\nprint -r XDG_DATA_DIRS=$XDG_DATA_DIRS\nprint -r DIRS=${(j.:.)fpath}\n"
	}
	return `printf '%s\n' "PATH=$PATH" "MANPATH=$MANPATH" "XDG_DATA_DIRS=$XDG_DATA_DIRS"` + "\n"
}

// TestEnv: each shell finds a command, once, below a directory with everything
// in its name that is not a colon; what was set stays behind it, and what was not
// gets the meaning that it had.
func TestEnv(t *testing.T) {
	forest := filepath.Join(t.TempDir(), `a 'b' "c" $d \e *[f] ~g;h`, "current")
	if err := os.MkdirAll(filepath.Join(forest, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(forest, "bin", "greet"), []byte("#!/bin/sh\necho hello\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	d := In(forest)
	for shell := range shells() {
		t.Run(shell, func(t *testing.T) {
			text, ok := d.Env(shell)
			if !ok {
				t.Fatal("not known")
			}
			twice := text + text + "greet\n" + lists(shell)
			out := runShell(t, shell, twice)
			for _, want := range []string{"hello\n", "PATH=" + d.Path + ":" + os.Getenv("PATH") + "\n", "MANPATH=" + d.Man + ":\n", "XDG_DATA_DIRS=" + d.Data + ":/usr/local/share:/usr/share\n"} {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			out = runShell(t, shell, twice, "MANPATH=/x:/y z", "XDG_DATA_DIRS=/y:/z")
			for _, want := range []string{"MANPATH=" + d.Man + ":/x:/y z\n", "XDG_DATA_DIRS=" + d.Data + ":/y:/z\n"} {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			if dir := map[string]string{"zsh": d.ZshFuncs, "fish": d.FishDirs}[shell]; dir != "" && strings.Count(out, dir) != 1 {
				t.Errorf("completions' %q is not there once:\n%s", dir, out)
			}
		})
	}
}

func TestUnknownShell(t *testing.T) {
	if text, ok := In("/x").Env("tcsh"); ok {
		t.Errorf("tcsh gets %q", text)
	}
}
