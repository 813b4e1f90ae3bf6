package cmd

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ipp/lock"
	"ipp/lock/ref"
	"ipp/store/dag"
	"ipp/store/flock"

	multierror "github.com/hashicorp/go-multierror"
)

func TestParseAge(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"12h": 12 * time.Hour, "30d": 30 * 24 * time.Hour, "2w": 14 * 24 * time.Hour,
		"": 0, "d": 0, "3": 0, "3y": 0, "0d": 0, "-1d": 0, "1.5d": 0, "9999999w": 0, "3d ": 0,
	} {
		got, err := parseAge(text)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		"plain-1.0_x/@%:,^": "plain-1.0_x/@%:,^", "a=b": "a=b", "": "''", "a b": "'a b'", "it's": `'it'\''s'`,
		"~": "'~'", "a~": "a~", "$x": "'$x'", "*": "'*'", ">=1, <2": "'>=1, <2'",
	} {
		if got := quote(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// FuzzQuote: a shell reads back what was quoted.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "a b", "it's", `\`, "$(x)", "\n", "~root", "é"} {
		f.Add(s)
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		f.Skip("there is no sh to read what was quoted")
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsRune(s, 0) {
			return // no shell has such a word
		}
		out, err := exec.Command(sh, "-c", "printf %s "+quote(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("%q came back as %q, %v", s, out, err)
		}
	})
}

func TestGenerationsText(t *testing.T) {
	for _, tt := range []struct {
		numbers []int
		want    string
	}{
		{[]int{4}, "generation 4"},
		{[]int{2, 1}, "generations 1-2"},
		{[]int{9, 1, 2, 3, 7}, "generations 1-3, 7, 9"},
	} {
		if got := generationsText(tt.numbers); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.numbers, got, tt.want)
		}
	}
}

// TestWrappedKeepsCommands: what is there to be copied stays one line.
func TestWrappedKeepsCommands(t *testing.T) {
	narrow := func(text, indent string) string { return strings.ReplaceAll(text, " ", "\n"+indent) }
	for in, want := range map[string]string{
		"one two":                          "one\n  two",
		"hint: do it: ipp pack -o x":       "hint:\n  do\n  it:\n  ipp pack -o x",
		"hint: make it: mkdir -p a/b":      "hint:\n  make\n  it:\n  mkdir -p a/b",
		"ipp: show x: ipp is not its name": "ipp:\n  show\n  x:\n  ipp is not its name",
	} {
		if got := wrapped(in, narrow); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := wrapped("a: ipp b", func(text, _ string) string { return text }); got != "a: ipp b" {
		t.Errorf("where there is room: %q", got)
	}
}

func TestRunTrim(t *testing.T) {
	for _, tt := range []struct{ in, want []string }{
		{[]string{"x"}, []string{"x"}},
		{[]string{"x", "--", "-v"}, []string{"x", "-v"}},
		{[]string{"x", "--", "--", "-v"}, []string{"x", "--", "-v"}},
		{[]string{"x", "a", "--"}, []string{"x", "a", "--"}},
		{[]string{"--", "x", "a"}, []string{"x", "a"}},
		{[]string{"--"}, []string{"--"}},
	} {
		r := &runCmd{Ref: tt.in[0], Args: slices.Clone(tt.in[1:])}
		r.trim()
		if got := append([]string{r.Ref}, r.Args...); !slices.Equal(got, tt.want) {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestShebang(t *testing.T) {
	path := filepath.Join(t.TempDir(), "script")
	for text, want := range map[string]string{
		"#!/bin/sh\n": "/bin/sh", "#! /usr/bin/env -S x\n": "/usr/bin/env", "#!/bin/sh": "/bin/sh",
		"#!sh\n": "", "#!\n": "", "": "", "\x7fELF": "", "x#!/bin/sh": "",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := shebang(path); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestFailureSaysAnObjectOnce: causes that begin with what was typed are not
// repeated.
func TestFailureSaysAnObjectOnce(t *testing.T) {
	for _, tt := range []struct{ object, cause, want string }{
		{"x", "find x: nothing", "show x: nothing"},
		{"./a b", `parse REF "./a b": it is empty`, "show ./a b: it is empty"},
		{"x", "open x.car: gone", "show x: open x.car: gone"},
		{"x", "very long story about x: gone", "show x: very long story about x: gone"},
		{"", "find : gone", "show: find : gone"},
		{"x@3", "find x 3: only known as 1.0.0", "show x@3: only known as 1.0.0"},
	} {
		if got := failed("show", tt.object, errors.New(tt.cause)).Error(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// TestExitCodes is the formats page's table of exit codes.
func TestExitCodes(t *testing.T) {
	a := &app{flags: &grammar{}}
	lost := &lock.NotFoundError{Name: "x"}
	for _, tt := range []struct {
		err  error
		code int
	}{
		{errors.New("anything"), 1},
		{&ref.SyntaxError{}, 2},
		{lost, 3},
		{&dag.HashError{}, 4},
		{&flock.BusyError{}, 5},
		{&lock.UnsatisfiableError{}, 6},
		{context.Canceled, 130},
		{failed("show", "x", lost), 3},
		{failed("show", "x", multierror.Append(nil, lost)), 3},
		{&failure{err: lost, code: exitRun}, 125},
	} {
		for _, e := range flatten(tt.err) {
			if p := a.explain(e); p.Code != tt.code {
				t.Errorf("%T: %d, want %d", tt.err, p.Code, tt.code)
			}
		}
	}
}

// TestSeveralErrorsKeepTheirVerb: what is collected below is named above.
func TestSeveralErrorsKeepTheirVerb(t *testing.T) {
	err := failed("gc", "", multierror.Append(nil, errors.New("one"), errors.New("two")))
	all := flatten(err)
	if len(all) != 2 || all[0].Error() != "gc: one" || all[1].Error() != "gc: two" {
		t.Errorf("%q", all)
	}
}

// TestEveryCommandHasHelp: a usage line that begins with its name, words about
// it, an example, and all of its flags that need a value.
func TestEveryCommandHasHelp(t *testing.T) {
	parser, err := (&app{flags: &grammar{}}).parser("")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range parser.Model.Children {
		d := docOf(n)
		if verb, _, _ := strings.Cut(d.usage, " "); verb != n.Name || d.about == "" || len(d.examples) == 0 || n.Help == "" {
			t.Errorf("%s: usage %q, about %q, %d examples", n.Name, d.usage, d.about, len(d.examples))
		}
		for _, f := range n.Flags {
			if f.Help == "" || !strings.HasSuffix(f.Help, ".") {
				t.Errorf("%s --%s: help is %q", n.Name, f.Name, f.Help)
			}
		}
	}
	for word, ours := range habits() {
		verb := strings.Fields(ours)[1]
		if !isVerb(parser.Model, verb) || isVerb(parser.Model, word) {
			t.Errorf("habit %s: %s", word, ours)
		}
	}
}
