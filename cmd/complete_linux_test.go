package cmd

import (
	"context"
	"io"
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

// ready is what a shell under test prompts with. What is typed before is lost
// where the shell changes the terminal's mode meanwhile.
const ready = "READY> "

// typed types lines at an interactive shell, each up to a tab, and returns what
// the shell made of each: the words are shown by putting an echo in front.
func typed(t *testing.T, dir string, environ, shell []string, begin string, lines []string) (got []string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	person, tty := openTerminal(t)
	cmd := exec.CommandContext(ctx, support.Tool(t, shell[0]), shell[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.Dir, cmd.Env = dir, append(environ, "TERM=dumb", "PATH="+os.Getenv("PATH"), "PS1=first> ")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err := cmd.Start()
	tty.Close()
	if err != nil {
		t.Fatal(err)
	}
	seen := ""
	// until reads on to the first end of what was not taken yet, and takes it.
	until := func(end string) string {
		for buf := make([]byte, 4096); ; {
			if before, rest, ok := strings.Cut(seen, end); ok {
				seen = rest
				return before
			}
			n, err := person.Read(buf)
			if seen += string(buf[:n]); err != nil {
				t.Fatalf("no %q: %v\n%q", end, err, seen)
			}
		}
	}
	say := func(text string) {
		if _, err := person.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	until("first> ")
	say(begin + "; PS1='REA''DY> '\n") // the quotes keep what is typed from looking like the answer
	for _, line := range lines {
		until(ready)
		say(line + "\t\x01echo GO''T \x05''END\n")
		until("GOT ")
		got = append(got, until("END"))
	}
	until(ready)
	say("exit\n")
	_, _ = io.Copy(io.Discard, person) // it ends with an error, the shell's end
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
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
		check(t, typed(t, dir, environ, []string{"bash", "--norc", "--noprofile", "-i"}, `bind 'set enable-bracketed-paste off'; source <(ipp completion bash)`, lines))
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
		check(t, typed(t, dir, environ, []string{"zsh", "-f", "-i"}, `bindkey -e; autoload -Uz compinit; compinit -u -D; source <(ipp completion zsh)`, lines))
	})
}
