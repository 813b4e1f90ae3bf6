package cmd

import (
	"slices"
	"testing"

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
