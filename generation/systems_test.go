package generation

import (
	"errors"
	"testing"
	"testing/fstest"

	"ipp/lock/ref"
	"ipp/store"
)

// TestLinkName: Windows starts only what ends in .exe, on every machine that
// plans for it.
func TestLinkName(t *testing.T) {
	for _, tt := range []struct{ part, command, target, want string }{
		{"windows-amd64", "x", "windows-amd64/bin/x.exe", "x.exe"},
		{"windows-amd64", "x", "windows-amd64/bin/X.EXE", "x.exe"},
		{"windows-amd64", "x.exe", "windows-amd64/bin/x.exe", "x.exe"},
		{"windows-amd64", "x", "windows-amd64/bin/x.cmd", "x"},
		{"linux-amd64", "x", "linux-amd64/bin/x.exe", "x"},
		{store.AnyPart, "x", "bin/x.exe", "x"},
	} {
		m := Member{Exposed: &Exposed{Key: store.Key{Part: tt.part}}}
		if got := linkName(m, Command{ref.Command(tt.command), tt.target}); got != tt.want {
			t.Errorf("%v: %q", tt, got)
		}
	}
}

// TestFoldCase: bin/OK and bin/ok are one file on macOS and Windows.
func TestFoldCase(t *testing.T) {
	members := []Member{
		{Name: "a", Exposed: &Exposed{Commands: []Command{{"OK", "bin/OK"}, {"fine", "bin/fine"}}}},
		{Name: "b", Exposed: &Exposed{Commands: []Command{{"ok", "bin/ok"}}}},
	}
	plan := func(folds bool) error {
		p := &planner{members: members, trees: fstest.MapFS{}, forest: &Forest{}, folds: folds}
		if err := p.check(); err != nil {
			t.Fatal(err)
		}
		p.findTwins()
		if err := p.mergeTop(p.top()); err != nil {
			t.Fatal(err)
		}
		_, err := p.result()
		return err
	}
	var found *ConflictError
	if err := plan(true); !errors.As(err, &found) || len(found.Conflicts) != 1 || found.Conflicts[0].A.Name != "a" || found.Conflicts[0].B.Name != "b" {
		t.Errorf("folding: %v", err)
	}
	if err := plan(false); err != nil {
		t.Errorf("not folding: %v", err)
	}
}
