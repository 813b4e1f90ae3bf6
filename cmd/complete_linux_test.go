package cmd

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ipp/tests/support"

	"golang.org/x/sys/unix"
)

// openTerminal makes a pseudo terminal: what a person sits at, and what a shell has.
func openTerminal(t *testing.T) (person, shell *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	shell, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return person, shell
}

// typed types lines at an interactive shell, each up to a tab, and returns what
// the shell made of each: the words are shown by putting an echo in front.
func typed(t *testing.T, dir string, environ, shell []string, begin string, lines []string) []string {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	person, tty := openTerminal(t)
	cmd := exec.CommandContext(ctx, support.Tool(t, shell[0]), shell[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.Dir, cmd.Env = dir, append(environ, "TERM=dumb", "PATH="+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err := cmd.Start()
	tty.Close()
	if err != nil {
		t.Fatal(err)
	}
	text := begin + "\n"
	for _, line := range lines {
		text += line + "\t\x01echo GO''T \x05''END\n" // the quotes keep what is typed from looking like the answer
	}
	if _, err := person.WriteString(text + "exit\n"); err != nil {
		t.Fatal(err)
	}
	var got []string
	all := bufio.NewScanner(person)
	var seen strings.Builder
	for all.Scan() {
		seen.WriteString(all.Text() + "\n")
		if _, answer, ok := strings.Cut(all.Text(), "GOT "); ok {
			answer, _, _ = strings.Cut(answer, "END")
			got = append(got, answer)
		}
	}
	if err := cmd.Wait(); err != nil || len(got) != len(lines) {
		t.Fatalf("%d answers to %d lines: %v\n%q", len(got), len(lines), err, seen.String())
	}
	return got
}

// TestCompletion types at real shells.
func TestCompletion(t *testing.T) {
	dir, environ := atHome(t)
	lines := []string{"ipp roll", "ipp remove gre", "ipp switch zebra@", "ipp list --profile=def", "ipp pack ./greeter --platform linux-amd64=./oth", "ipp run zebra ./wi", "ipp frob x"}
	want := []string{"ipp rollback ", "ipp remove greeter ", "ipp switch zebra@0.1.0 ", "ipp list --profile=default ", "ipp pack ./greeter --platform linux-amd64=./other/", "ipp run zebra ./with space/", "ipp frob x"}
	check := func(t *testing.T, got []string) { // zsh takes its space and slash away again
		for i := range lines {
			if strings.TrimRight(got[i], "/ ") != strings.TrimRight(want[i], "/ ") {
				t.Errorf("%q became %q, want %q", lines[i], got[i], want[i])
			}
		}
	}
	t.Run("bash", func(t *testing.T) {
		check(t, typed(t, dir, environ, []string{"bash", "--norc", "--noprofile", "-i"}, `bind 'set enable-bracketed-paste off'; PS1=; source <(ipp completion bash)`, lines))
	})
	t.Run("fish", func(t *testing.T) {
		script := "ipp completion fish | source\n"
		for _, l := range lines {
			script += "echo '=' (complete -C '" + l + "')\n"
		}
		cmd := exec.Command(support.Tool(t, "fish"), "-N", "-c", script)
		cmd.Dir, cmd.Env = dir, append(environ, "PATH="+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		answers := strings.Split(strings.TrimPrefix(string(out), "="), "\n=")
		for i, want := range []string{"rollback", "greeter", "zebra@0.1.0", "--profile=default", "linux-amd64=./other/", "./with space/", ""} {
			if got, _, _ := strings.Cut(strings.TrimSpace(answers[i]), "\t"); got != want {
				t.Errorf("%q is completed by %q, want %q", lines[i], got, want)
			}
		}
	})
	t.Run("zsh", func(t *testing.T) {
		check(t, typed(t, dir, environ, []string{"zsh", "-f", "-i"}, `bindkey -e; PS1=; autoload -Uz compinit; compinit -u -D; source <(ipp completion zsh)`, lines))
	})
}
