package toml

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestEdit(t *testing.T) {
	set := func(text string, path ...string) Change { return Change{path, text} }
	for _, c := range []struct {
		name, before string
		changes      []Change
		after        string
	}{
		{"a value in place", "# top\n[p]\na = \"1\" # why\n\n# b\nb='2'\n", []Change{set(`"3"`, "p", "a"), set(`"4"`, "p", "b")},
			"# top\n[p]\na = \"3\" # why\n\n# b\nb=\"4\"\n"},
		{"in its place among sorted keys", "[p]\n  a = 1\n  c = 3\n[q]\nz = 1\n", []Change{set("2", "p", "b"), set("4", "p", "d")},
			"[p]\n  a = 1\n  b = 2\n  c = 3\n  d = 4\n[q]\nz = 1\n"},
		{"first", "[p] # here\nb = 1\n", []Change{set("0", "p", "a")}, "[p] # here\na = 0\nb = 1\n"},
		{"at the end of what is not sorted", "[p]\nc = 1\na = 2\n\n[q]\n", []Change{set("3", "p", "b"), set("4", "p", "d")},
			"[p]\nc = 1\na = 2\nb = 3\nd = 4\n\n[q]\n"},
		{"into an empty table", "[p]\n# nothing yet\n", []Change{set("1", "p", "a")}, "[p]\na = 1\n# nothing yet\n"},
		{"a new table", "z = 1\n", []Change{set("1", "p", "a"), set("2", "p", "b.c")}, "z = 1\n\n[p]\na = 1\n\"b.c\" = 2\n"},
		{"in an empty file", "", []Change{set("1", "p", "a")}, "[p]\na = 1\n"},
		{"no newline at the end", "[p]\na = 1", []Change{set("2", "p", "b"), set("3", "p", "c")}, "[p]\na = 1\nb = 2\nc = 3"},
		{"lines end as they do", "[p]\r\na = 1\r\n", []Change{set("2", "p", "b"), set("3", "q", "c")}, "[p]\r\na = 1\r\nb = 2\r\n\r\n[q]\r\nc = 3\r\n"},
		{"gone", "[p]\na = 1 # one\n# two\nb = 2\n", []Change{set("", "p", "a"), set("", "p", "nothing")}, "[p]\n# two\nb = 2\n"},
		{"gone over several lines", "[p]\na = [ # x\n 1,\n 2,\n] # y\nb = 2\n", []Change{set("", "p", "a")}, "[p]\nb = 2\n"},
		{"the last one", "[p]\na = 1\n", []Change{set("", "p", "a")}, "[p]\n"},
		{"a table with a header", "[p.a] # x\nv = 1\n# kept\n[p.a.deep]\nw = 2\n\n[q]\nx = 3\n", []Change{set("", "p", "a")}, "# kept\n\n[q]\nx = 3\n"},
		{"a table with a header for a value", "[p.a]\nv = 1\n[q]\n", []Change{set("2", "p", "a")}, "[q]\n\n[p]\na = 2\n"},
		{"within a table with a header", "[p.a]\nv = 1 # x\nw = 2\n", []Change{set("", "p", "a", "w"), set("true", "p", "a", "x"), set("3", "p", "a", "v")},
			"[p.a]\nv = 3 # x\nx = true\n"},
		{"beside tables with headers", "[p.a]\nv = 1\n", []Change{set("2", "p", "b")}, "[p.a]\nv = 1\n\n[p]\nb = 2\n"},
		{"a header behind its parts", "[p.a]\nv = 1\n[p]\n[q]\n", []Change{set("2", "p", "b")}, "[p.a]\nv = 1\n[p]\nb = 2\n[q]\n"},
		{"dotted", "  p.a = 1\np.c.v = 3\n\n[q]\n", []Change{set("2", "p", "b"), set("", "p", "c")}, "  p.a = 1\np.b = 2\n\n[q]\n"},
		{"dotted below a header", "[p]\na.v = 1\na.w = 2\nb = 3\n", []Change{set("true", "p", "a", "x"), set("", "p", "a", "v")}, "[p]\na.w = 2\na.x = true\nb = 3\n"},
		{"inline", "p = { a = 1, b.c = 2 , d = {e=1} } # x\n", []Change{set("", "p", "a"), set("9", "p", "z"), set("5", "p", "d", "e")},
			"p = { b.c = 2, d = {e=1}, z = 9 } # x\n"},
		{"inline and deep", "[p]\na = { v = 1, w = \"x\" }\nb = 1\n", []Change{set("true", "p", "a", "hold"), set("2", "p", "a", "v")},
			"[p]\na = { v = 2, w = \"x\", hold = true }\nb = 1\n"},
		{"an empty inline table", "p = {}\n", []Change{set("1", "p", "a")}, "p = { a = 1 }\n"},
		{"an array of tables", "[[p.a]]\nv = 1\n[[p.a]]\nv = 2\n[q]\nx = 1\n", []Change{set("", "p", "a")}, "[q]\nx = 1\n"},
		{"where nothing can be", "p = 1\n", []Change{set("1", "p", "a")}, "p = 1\n"},
	} {
		root, err := Parse("x.toml", []byte(c.before), Options{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := root.Edit(c.changes); string(got) != c.after {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.after)
		}
	}
}

// FuzzEdit: what comes out of an edit is TOML, has what was asked for, and all else
// as before.
func FuzzEdit(f *testing.F) {
	for _, s := range []string{"", "[p]\na = 1\n", "p.a = 1\np.c = 2\n[q]\nx = [1]\n", "p = { a = 1 , b = {c=2}}\n", "[p.a]\nv = 1\n[p]\nb = 2\n# x\n[[p.t]]\nx = 1\n", "[p]\r\na = '''\n'''\r\nc = 1"} {
		f.Add([]byte(s), "b", true)
		f.Add([]byte(s), "a", false)
	}
	f.Fuzz(func(t *testing.T, data []byte, key string, set bool) {
		root, err := Parse("x", data, Options{})
		p := root.Get("p")
		if err != nil || p != nil && p.Kind != Table {
			return
		}
		if (&Value{Kind: String, Text: key, doc: &document{}}).checkText() != nil || strings.ToValidUTF8(key, "") != key {
			return
		}
		change := Change{Path: []string{"p", key}}
		if set {
			change.Text = "7"
		}
		out := root.Edit([]Change{change})
		after, err := Parse("x", out, Options{})
		if err != nil {
			t.Fatalf("%v\n%s\nout of\n%s", err, out, data)
		}
		before, now := flat(root), flat(after)
		for _, m := range []map[string]string{before, now} {
			maps.DeleteFunc(m, func(path, _ string) bool {
				return path == "" || path == "/p" || strings.HasPrefix(path+"/", "/p/"+key+"/")
			})
		}
		if !maps.Equal(before, now) {
			t.Fatalf("%v\nis now\n%v\n%s\nout of\n%s", before, now, out, data)
		}
		if got := after.Get("p").Get(key); (got != nil) != set || set && got.Text != "7" {
			t.Fatalf("%q: %+v\n%s\nout of\n%s", key, got, out, data)
		}
		for line := range strings.Lines(string(data)) { // comments of their own stay
			if c := strings.TrimSpace(line); strings.HasPrefix(c, "#") && set && !slices.Contains(strings.Split(string(out), "\n"), strings.TrimSuffix(line, "\n")) && !strings.Contains(string(data), "\"\"\"") && !strings.Contains(string(data), "'''") && !strings.ContainsAny(string(data), "{[") {
				t.Fatalf("the comment %q is gone\n%s\nout of\n%s", c, out, data)
			}
		}
	})
}

// flat is all that a file says, by path.
func flat(root *Value) map[string]string {
	all := map[string]string{}
	var walk func(path string, v *Value)
	walk = func(path string, v *Value) {
		if v.Kind != Table || len(v.Fields) == 0 {
			all[path] = v.Kind.String() + v.Text
		}
		for _, f := range v.Fields {
			walk(path+"/"+f.Key, f.Value)
		}
		for i, item := range v.Items {
			walk(path+"/"+string(rune('0'+i%10)), item)
		}
	}
	walk("", root)
	return all
}
