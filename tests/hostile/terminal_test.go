//go:build linux

package hostile

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tricks are characters that do something to a terminal or to who reads it: C0
// and C1 controls, bidi, what hides, a line that is not one, tags, and bytes that
// are no text.
func tricks() []string {
	return []string{"\x07", "\x08", "\r", "\x1b[2J", "\x1b]52;c;eA==\x07", "\x7f", "\u0085", "\u009b2J", "\u202egnp.exe", "\u2066x\u2069",
		"\u200b", "\u200f", "\u2028", "\ufeff", "\u00ad", "\U000e0041", "\ue000", "\ufe0f"}
}

// loud is a package.toml with text in every field that takes any.
func loud(text string) string {
	return metadata(fmt.Sprintf(`summary = %[1]q
license = %[1]q
homepage = "https://example.org/%[2]s"
[environment]
LOUD = %[1]q
[legacy]
apt = ["ca-certificates"]
[services.watch]
command = ["evil", %[1]q]
[callbacks]
install = [%[1]q]
[x]
any = %[1]q
`, text, text))
}

// TestTerminal: whatever a package says of itself, and whatever its files are
// called, reaches a terminal and a pipe escaped, in output, in errors and in JSON;
// and JSON says the same as the package does.
func TestTerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, trick := range tricks() {
		f := newForge()
		text := "a" + trick + "b"
		root := f.pkgWith(loud(text), f.dir(f.raw("x").as(text)).as("share"), f.raw("x").as(text))
		if i == 0 { // one that TOML takes only escaped, ipp not at all
			root = f.pkgWith(loud("plain"), f.dir(f.symlink(text).as("l")).as("share"))
		}
		w.write("x.car", f.car1(root))
		for _, args := range [][]string{
			{"show", "./x.car"}, {"show", "./x.car", "--json"}, {"verify", "./x.car"}, {"verify", "./x.car", "--json"},
			{"install", "--dry-run", "./x.car"}, {"install", "--dry-run", "./x.car", "--json"}, {"import", "--dry-run", "./x.car", "--json"},
			{"show", text}, {"install", text, "--json"}, {"run", "./" + text}, {"show", "good@" + text}, {"owns", text}, {"--profile", text, "list"},
		} {
			out := w.ipp(args...)
			escaped(t, fmt.Sprintf("%q's output", args), out.Stdout)
			escaped(t, fmt.Sprintf("%q's errors", args), out.Stderr)
			if strings.Contains(strings.Join(args, " "), "--json") && !json.Valid([]byte(out.Stdout)) {
				t.Errorf("%q printed no JSON: %q", args, out.Stdout)
			}
			screen := w.onTerminal(args...)
			escaped(t, fmt.Sprintf("%q on a terminal", args), plain(screen))
		}
		w.unchanged()
	}
}

// TestTerminalJSON: what stands escaped in JSON is the text itself once it is
// parsed.
func TestTerminalJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, text := range []string{"a\u202eb", "a\u200bb", "a\ufeffb", "a\U000e0041b", "ünï世界"} {
		f := newForge()
		w.write("x.car", f.car1(f.pkgWith(loud(text))))
		out := w.ipp("show", "./x.car", "--json")
		var shown struct{ Summary, License string }
		if err := json.Unmarshal([]byte(out.Stdout), &shown); err != nil || shown.Summary != text || shown.License != text {
			t.Errorf("%+q became %+q, %v (%s)", text, shown, err, out.Stderr)
		}
	}
}

// onTerminal runs ipp on a terminal of its own, and returns what it would show.
func (w *world) onTerminal(args ...string) string {
	w.t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	must(w.t, err)
	defer master.Close()
	must(w.t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	must(w.t, err)
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	must(w.t, err)
	cmd := exec.Command(ippPath, args...)
	cmd.Dir, cmd.Env = w.work, append(w.env(), "TERM=xterm-256color")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	must(w.t, cmd.Start())
	tty.Close()
	said := make(chan []byte)
	go func() {
		data, _ := io.ReadAll(master) // ends with EIO, when nobody has the terminal open
		said <- data
	}()
	select {
	case data := <-said:
		_ = cmd.Wait()
		return string(data)
	case <-time.After(tooLong):
		_ = cmd.Process.Kill()
		w.t.Fatalf("ipp %q did not end", args)
		return ""
	}
}

// plain drops what ipp itself sends to a terminal: colours, its progress line,
// and the terminal's own line ends.
func plain(screen string) string {
	screen = strings.ReplaceAll(screen, "\r\n", "\n")
	var b strings.Builder
	for screen != "" {
		if rest, ok := strings.CutPrefix(screen, "\x1b["); ok {
			end := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != ';' })
			if end >= 0 && (rest[end] == 'm' || rest[end] == 'K') {
				screen = rest[end+1:]
				continue
			}
		}
		if rest, ok := strings.CutPrefix(screen, "\r"); ok {
			screen = rest
			continue
		}
		b.WriteByte(screen[0])
		screen = screen[1:]
	}
	return b.String()
}
