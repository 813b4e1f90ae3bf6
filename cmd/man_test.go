package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ipp/tests/support"

	"github.com/alecthomas/kong"
)

// TestManPages: groff finds nothing to warn of in any page, and the page about
// all of ipp shows each command's usage and flags, whatever is in them.
func TestManPages(t *testing.T) {
	groff := support.Tool(t, "groff")
	parser, err := (&app{flags: &grammar{}}).parser("")
	if err != nil {
		t.Fatal(err)
	}
	show := func(page string) string {
		cmd := exec.Command(groff, "-ww", "-man", "-Tutf8", "-P-cbou", "-rLL=2000n")
		cmd.Stdin = strings.NewReader(page)
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil || said.Len() > 0 {
			t.Errorf("%v\n%s\n%s", err, said.String(), page)
		}
		return strings.NewReplacer("‐", "-", "−", "-").Replace(strings.Join(strings.Fields(string(out)), " "))
	}
	all := show(man(parser.Model, nil))
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		d := docOf(n)
		for _, want := range append([]string{"ipp " + d.usage}, d.examples...) {
			if want = strings.Join(strings.Fields(want), " "); !strings.Contains(all, want) {
				t.Errorf("no %q in the page", want)
			}
		}
		for _, f := range n.Flags {
			if want := strings.TrimSpace(flagWord(f)) + " " + f.Help; !strings.Contains(all, want) {
				t.Errorf("no %q in the page", want)
			}
		}
		for _, c := range n.Children {
			walk(c)
		}
	}
	for _, n := range parser.Model.Children {
		walk(n)
	}
	for _, words := range [][]string{{"install"}, {"key"}, {"key", "new"}} {
		node, err := (&app{flags: &grammar{}}).nodeOf(parser.Model, words)
		if err != nil {
			t.Fatal(err)
		}
		if want, got := "ipp-"+strings.Join(words, "-")+" - ", show(man(parser.Model, node)); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestManSaysWhatREADMESays of the environment's variables and exit codes.
func TestManSaysWhatREADMESays(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(support.Top(), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(data), "`", "")
	for _, v := range variables() {
		if row := "| " + v[0] + " | " + v[1] + " |\n"; !strings.Contains(text, row) {
			t.Errorf("README.md has no row %q", row)
		}
	}
	codes, means := "| exit code |", "| means |"
	for _, e := range exitMeanings()[:9] {
		codes += " " + e[0] + " |"
		means += " " + e[1] + " |"
	}
	for _, row := range []string{codes, means} {
		if !strings.Contains(text, row+"\n") {
			t.Errorf("README.md has no row %q", row)
		}
	}
}
