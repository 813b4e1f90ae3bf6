//go:build linux

package homes

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"ipp/tests/whole"
)

// Operation is a command in a home.
type Operation struct {
	Name string
	From string   // the home it starts from, see Reset
	Args []string // of ipp
	Want string   // what `prog` prints in the end; "": there is none
	Old  int      // current before, and
	New  []int    // after: what may be found besides Old
	File string   // that it writes, below Out, all of it or not at all
}

// Operations are all that change something.
func Operations() []Operation {
	return []Operation{
		{"first install", "empty", []string{"install", "v1.car"}, "1.0.0", 0, []int{1}, ""},
		{"install of another version", "one", []string{"install", "v2.car"}, "2.0.0", 1, []int{2}, ""},
		{"install of a directory", "one", []string{"install", "./v3"}, "3.0.0", 1, []int{2}, ""},
		{"upgrade", "known", []string{"upgrade", "prog"}, "2.0.0", 1, []int{2}, ""},
		{"switch", "two", []string{"switch", "prog@1.0.0"}, "1.0.0", 2, []int{3}, ""},
		{"rollback", "two", []string{"rollback", "1"}, "1.0.0", 2, []int{1}, ""},
		{"remove", "two", []string{"remove", "prog"}, "", 2, []int{3, 4}, ""}, // 4: a full disk refused the flip to 3, and the reserve gave room for another
		{"import", "one", []string{"import", "v2.car"}, "1.0.0", 1, nil, ""},
		{"pack", "one", []string{"pack", "./v3"}, "1.0.0", 1, nil, ""},
		{"gc", "dead", []string{"gc", "--keep", "1"}, "2.0.0", 5, nil, ""},
		{"pack to a file", "one", []string{"pack", "./v1", "-o", "out/prog.car"}, "1.0.0", 1, nil, "prog.car"},
		{"export", "one", []string{"export", "prog", "-o", "out/prog.car"}, "1.0.0", 1, nil, "prog.car"},
	}
}

// AtOnce lists what does not hold right after an operation was cut off, or
// ended in whatever way: current is the old or the new generation, whole, and
// so is a file that was to be written.
func (w *World) AtOnce(op Operation) []string {
	bad := whole.Check(w.State())
	if now := whole.Current(w.State(), "default"); now != op.Old && !slices.Contains(op.New, now) {
		bad = append(bad, fmt.Sprintf("current is %d, was %d, should become one of %v", now, op.Old, op.New))
	}
	return append(bad, w.file(op)...)
}

// file compares the file that op writes with what ipp wrote before.
func (w *World) file(op Operation) []string {
	if op.File == "" {
		return nil
	}
	got, err := os.ReadFile(filepath.Join(w.Out(), op.File))
	if os.IsNotExist(err) {
		return nil
	}
	want, _ := os.ReadFile(filepath.Join(w.Dir, "v1.car"))
	if string(got) != string(want) {
		return []string{fmt.Sprintf("%s is half written: %d bytes of %d (%v)", op.File, len(got), len(want), err)}
	}
	return nil
}

// Again does the operation once more, undisturbed, then collects, and lists
// what does not hold: it succeeds without any repair, and nothing is left over.
// before are the generations that there were at first.
func (w *World) Again(op Operation, before map[string]string) (bad []string) {
	wrong := func(when string, list ...string) {
		for _, l := range list {
			bad = append(bad, when+": "+l)
		}
	}
	if op.Want != "" || w.Version() != "" { // a removal that went through is an error the second time
		wrong("the same command again", w.Run(op.Args...)...)
	}
	wrong("after the same command again", append(whole.Check(w.State()), w.Done(op)...)...)
	wrong("gc", w.Run("gc")...)
	wrong("after gc", whole.Rest(w.State())...)
	if op.Name != "gc" {
		wrong("after gc", Changed(before, w.Generations())...)
	}
	return bad
}

// Done lists what an operation that succeeded has not done.
func (w *World) Done(op Operation) (bad []string) {
	if got := w.Version(); got != op.Want {
		bad = append(bad, fmt.Sprintf("prog prints %q, not %q", got, op.Want))
	}
	if op.File != "" {
		if _, err := os.Stat(filepath.Join(w.Out(), op.File)); err != nil {
			bad = append(bad, err.Error())
		}
	}
	return append(bad, w.file(op)...)
}
