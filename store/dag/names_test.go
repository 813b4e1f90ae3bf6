package dag

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "...", "a b", ".git", "-rf", "ä", "日本語", "🎈", "a\\b", "a:b", strings.Repeat("x", 255)} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q is refused: %v", name, err)
		}
	}
	bad := []string{
		"", ".", "..", "/", "a/b", "/a", "a/", "../x", "a\x00b", "\n", "a\x1bb", "a\x7f", "a\u0085b",
		"\xff", "a\xc3", strings.Repeat("x", 256),
	}
	for _, name := range bad {
		err := CheckName(name)
		if e, ok := errors.AsType[*NameError](err); !ok || e.Name != name {
			t.Errorf("%q: %v, want a NameError that names it", name, err)
		}
	}
}

func TestCollisions(t *testing.T) {
	for _, c := range []struct {
		names []string
		a, b  string
	}{
		{nil, "", ""},
		{[]string{"a", "b", "ab"}, "", ""},
		{[]string{"straße", "strasze"}, "", ""},
		{[]string{"a", "b", "a"}, "a", "a"},
		{[]string{"README", "x", "readme"}, "README", "readme"},
		{[]string{"ä", "a\u0308"}, "ä", "a\u0308"},
		{[]string{"Ä", "a\u0308"}, "Ä", "a\u0308"},
		{[]string{"k", "\u212a"}, "k", "\u212a"}, // Kelvin
		{[]string{"\u212b", "å"}, "\u212b", "å"}, // Ångström
		{[]string{"straße", "STRASSE"}, "straße", "STRASSE"},
		{[]string{"Σ", "ς"}, "Σ", "ς"},
		{[]string{".git", ".g\u200cit"}, ".git", ".g\u200cit"}, // what is not shown
		{[]string{"a\ufe0f", "A"}, "a\ufe0f", "A"},
		{[]string{"ΐ", "\u0390"}, "ΐ", "\u0390"},
	} {
		if a, b := Collisions(c.names); a != c.a || b != c.b {
			t.Errorf("%q: %q and %q, want %q and %q", c.names, a, b, c.a, c.b)
		}
	}
}

func TestCheckTarget(t *testing.T) {
	for _, c := range []struct{ path, target string }{
		{"l", "a"}, {"l", "."}, {"l", "a/b/c"}, {"l", "./a//b/"}, {"l", "..."}, {"l", "..a"},
		{"d/l", ".."}, {"d/l", "../x"}, {"a/b/l", "../../x"}, {"a/b/l", "./.././../x"},
		{"d/l", "ä"},
	} {
		if err := CheckTarget(c.path, c.target); err != nil {
			t.Errorf("%s -> %s is refused: %v", c.path, c.target, err)
		}
	}
	for _, c := range []struct{ path, target string }{
		{"l", ""}, {"l", "/"}, {"l", "/etc/passwd"}, {"l", "//x"}, {"l", ".."}, {"l", "../x"},
		{"d/l", "../.."}, {"d/l", "../../x"}, {"a/b/l", "../../../x"}, {"d/l", "./../.."},
		{"", ".."}, {"d/l", "a/.."}, {"d/l", "a/../b"}, {"a/b/l", "../c/../../.."},
		{"l", "a\x00b"}, {"l", "a\nb"}, {"l", "\xff"}, {"l", strings.Repeat("a/", 2048)},
	} {
		err := CheckTarget(c.path, c.target)
		if e, ok := errors.AsType[*FormatError](err); !ok || e.Path != c.path {
			t.Errorf("%s -> %q: %v, want a FormatError", c.path, c.target, err)
		}
	}
}

// Two links, each of which seems to stay inside when .. only cancels the name
// before it, lead out together.
func TestCheckTargetOfTwo(t *testing.T) {
	if err := CheckTarget("d1/d2/up", "../.."); err != nil {
		t.Errorf("a link to the root is refused: %v", err)
	}
	if err := CheckTarget("x", "d1/d2/up/../../.."); err == nil {
		t.Error("a link through up leaves the tree")
	}
}
