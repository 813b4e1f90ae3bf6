package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"ipp/tests/support"

	"github.com/alecthomas/kong"
)

// TestEveryValueIsOfAKind: what a flag or an argument of the grammar is, its
// completion knows; and nothing is in the table that is not in the grammar.
func TestEveryValueIsOfAKind(t *testing.T) {
	parser, err := (&app{flags: &grammar{}}).parser("")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	look := func(what string, keys ...string) {
		i := slices.IndexFunc(keys, func(k string) bool { return kinds()[k] != "" })
		if i < 0 {
			t.Errorf("%s is of no kind: kinds() has none of %q", what, keys)
			return
		}
		used[keys[i]] = true
	}
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		for _, f := range n.Flags {
			if !f.IsBool() {
				look(wordsFor(n)+" --"+f.Name, wordsFor(n)+" --"+f.Name, "--"+f.Name)
			}
		}
		for _, arg := range n.Positional {
			look(wordsFor(n)+" "+arg.Name, wordsFor(n)+" "+arg.Name, arg.Name)
		}
		for _, c := range n.Children {
			walk(c)
		}
	}
	walk(parser.Model.Node)
	for k := range kinds() {
		if !used[k] {
			t.Errorf("kinds() has %q, which nothing is called", k)
		}
	}
}

func TestJoinBroken(t *testing.T) {
	for _, tt := range []struct {
		breaks    string
		in, whole []string
	}{
		{"=:@", []string{"a", "=", "b"}, []string{"a=b"}},
		{"=:@", []string{"a", "b", "@"}, []string{"a", "b@"}},
		{"=:@", []string{"a", "@", "", "b"}, []string{"a@", "b"}},
		{"=:@", []string{"x", "http", ":", "//h", ":", "1"}, []string{"x", "http://h:1"}},
		{" \t\n", []string{"a", "=", "b"}, []string{"a", "=", "b"}},
		{"", []string{"a", "", ""}, []string{"a", "", ""}},
	} {
		if got := joinBroken(tt.in, tt.breaks); !slices.Equal(got, tt.whole) {
			t.Errorf("%q at %q: %q, want %q", tt.in, tt.breaks, got, tt.whole)
		}
	}
}

// atHome is a home with two packages, a file and a directory to complete.
func atHome(t *testing.T) (dir string, environ []string) {
	t.Helper()
	dir = t.TempDir()
	home := filepath.Join(dir, "home")
	environ = []string{"HOME=" + home, support.Offline(), "USER=tester"}
	for path, text := range map[string]string{
		"greeter/package.toml": "format = 1\nname = \"greeter\"\nversion = \"1.5.0\"\n", "greeter/bin/greeter": "#!/bin/sh\n",
		"other/package.toml": "format = 1\nname = \"zebra\"\nversion = \"0.1.0\"\n", "other/bin/zebra": "#!/bin/sh\n",
		"with space/file": "x",
	} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"./greeter", "./other"} {
		cmd := exec.Command(lookPath("ipp"), "install", p)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), environ...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return dir, environ
}
