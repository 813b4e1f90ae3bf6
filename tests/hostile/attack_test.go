//go:build linux

package hostile

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ipp/tests/whole"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

// maxMemory is what a command may have resident at most.
const maxMemory = 64 << 20

// verbs are the commands that read packages, as they are given a CAR file.
var verbs = map[string][]string{
	"install": {"install", "./x.car"},
	"import":  {"import", "./x.car"},
	"run":     {"run", "./x.car"},
	"show":    {"show", "./x.car"},
	"verify":  {"verify", "./x.car"},
	"export":  {"export", "./x.car", "-o", "../outside/out.car"},
}

// walkers are the verbs that walk a package in ways of their own, for cases that
// take long.
var walkers = []string{"install", "verify", "export"}

// attack is one case: a package, or a whole archive.
type attack struct {
	name   string
	root   func(f *forge) link
	car    func(f *forge) []byte
	only   []string // verbs; nil: all
	grows  string   // a directory of the store to which a failure may add, for gc
	memory int64    // instead of maxMemory, until it is
}

func (a attack) archive() []byte {
	f := newForge()
	if a.car != nil {
		return a.car(f)
	}
	return f.car1(a.root(f))
}

// try gives each attack to every verb, and compares what came of it with
// testdata/NAME.golden.
func try(t *testing.T, name string, attacks []attack) {
	t.Helper()
	w := newWorld(t)
	var said strings.Builder
	for _, a := range attacks {
		fmt.Fprintf(&said, "## %s\n", a.name)
		w.write("x.car", a.archive())
		w = a.all(w, &said)
	}
	golden(t, name, said.String())
}

// all runs the attack with every verb. What is accepted leaves its traces, so a
// world of its own is made after it.
func (a attack) all(w *world, said *strings.Builder) *world {
	var answers []answer
	verbsOf := a.only
	if verbsOf == nil {
		verbsOf = []string{"install", "import", "run", "show", "verify", "export"}
	}
	for _, verb := range verbsOf {
		out := w.ipp(verbs[verb]...)
		a.bounded(w, verb, out)
		answers = answered(answers, verb, out)
		if out.Code != 0 && a.grows != "" {
			w.unchangedBut("home/.local/share/ipp/store/" + a.grows)
			w = a.again(w)
			continue
		}
		if out.Code != 0 || verb == "show" || verb == "verify" {
			w.unchanged()
			continue
		}
		if bad := whole.Check(filepath.Join(w.home, ".local/state/ipp")); len(bad) > 0 {
			w.t.Errorf("%s: %s", verb, strings.Join(bad, "\n"))
		}
		w = a.again(w)
	}
	for _, one := range answers {
		fmt.Fprintf(said, "%s:\n%s", strings.Join(one.who, ", "), one.text)
	}
	return w
}

// again makes a world like w, before it had anything of this attack in it.
func (a attack) again(w *world) *world {
	w = newWorld(w.t)
	w.write("x.car", a.archive())
	return w
}

// bounded holds what any command must do, whatever it is given.
func (a attack) bounded(w *world, verb string, out outcome) {
	w.t.Helper()
	limit := max(maxMemory, a.memory)
	if out.Memory > limit {
		w.t.Errorf("%s: %s had %d MiB resident, %d at most", a.name, verb, out.Memory>>20, limit>>20)
	}
	if out.Signal != "" || strings.Contains(out.Stderr, "goroutine ") {
		w.t.Errorf("%s: %s died: %s\n%s", a.name, verb, out.Signal, out.Stderr)
	}
	escaped(w.t, verb+"'s output", out.Stdout)
	escaped(w.t, verb+"'s errors", out.Stderr)
	if out.Code != 0 && !strings.HasPrefix(out.Stderr, "ipp: ") && !strings.Contains(out.Stderr, "\nipp: ") {
		w.t.Errorf("%s: %s exits %d and says %q", a.name, verb, out.Code, out.Stderr)
	}
}

// answer is what some verbs answered alike.
type answer struct {
	who  []string // verb and exit code
	text string
}

func answered(all []answer, verb string, out outcome) []answer {
	text := indent(strings.ReplaceAll(out.Stdout+out.Stderr, "ipp: "+verb+" ", "ipp: VERB "))
	who := fmt.Sprintf("%s %d", verb, out.Code)
	if i := slices.IndexFunc(all, func(a answer) bool { return a.text == text }); i >= 0 {
		all[i].who = append(all[i].who, who)
		return all
	}
	return append(all, answer{[]string{who}, text})
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("    " + strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		must(t, os.WriteFile(file, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if got != string(want) {
		t.Errorf("%s differs:\n%s", file, difference(string(want), got))
	}
}

// difference lists the lines that only one of both has, with the case that they
// belong to.
func difference(want, got string) string {
	var b strings.Builder
	a, z := cases(want), cases(got)
	for _, name := range append(slices.Clone(a.order), z.order...) {
		if a.text[name] != z.text[name] && !strings.Contains(b.String(), name+"\n") {
			fmt.Fprintf(&b, "%s\nwant\n%sgot\n%s", name, a.text[name], z.text[name])
		}
	}
	return b.String()
}

type goldenCases struct {
	order []string
	text  map[string]string
}

func cases(text string) goldenCases {
	c, name := goldenCases{text: map[string]string{}}, ""
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "## ") {
			name = strings.TrimSpace(line)
			c.order = append(c.order, name)
			continue
		}
		c.text[name] += line
	}
	return c
}
