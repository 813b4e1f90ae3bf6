package store

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"testing"
)

// Upcoming shows the tree that Ensure will make: names, kinds, modes, targets
// and contents, and what symlinks lead to.
func TestUpcomingIsWhatComes(t *testing.T) {
	files := map[string]string{
		"linux-amd64/bin/a": "x:program", "linux-amd64/bin/b": "->a", "linux-amd64/lib/up": "->../bin/b",
		"linux-amd64/share/doc/x": "text", "any/share/doc/y": "", "linux-amd64/lib/gone": "->nothing",
		"linux-amd64/lib/loop": "->loop", "other/bin/a": "x:not of this part", "linux-amd64/lib/dir": "->../share",
		"package.toml": strings.Repeat("large", 1<<19),
	}
	m := pkg(t, files)
	s := newStore(t)
	w := want(m, "linux-amd64")
	w.Omit = []string{"other"}
	ctx := context.Background()
	plan, err := s.Plan(ctx, w, m)
	if err != nil {
		t.Fatal(err)
	}
	soon := Upcoming(ctx, s.TreesFS(), Planned{plan, m})
	if err := fs.WalkDir(Upcoming(ctx, nil), plan.Key.String(), failWalk); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without plan and store: %v", err)
	}
	before := describeFS(t, soon, plan.Key.String())
	mustEnsure(t, s, w, m)
	after := describeFS(t, s.TreesFS(), plan.Key.String())
	if before != after {
		t.Errorf("planned:\n%s\nas it came:\n%s", before, after)
	}
	if strings.Contains(before, "other") || !strings.Contains(before, "bin/a") {
		t.Errorf("it shows:\n%s", before)
	}
	if _, err := soon.Open(plan.Key.String() + "/linux-amd64/nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open what is not there: %v", err)
	}
}

func failWalk(_ string, _ fs.DirEntry, err error) error { return err }

// describeFS tells all that a tree says of itself.
func describeFS(t *testing.T, trees fs.FS, tree string) string {
	t.Helper()
	var b strings.Builder
	err := fs.WalkDir(trees, tree, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		b.WriteString(p + " " + d.Type().String())
		info, err := fs.Lstat(trees, p)
		if err != nil {
			return err
		}
		if !d.IsDir() {
			b.WriteString(" " + info.Mode().String())
		}
		if info.Name() != path.Base(p) {
			t.Errorf("%s is named %s", p, info.Name())
		}
		if d.Type() == fs.ModeSymlink {
			target, err := fs.ReadLink(trees, p)
			if err != nil {
				return err
			}
			b.WriteString(" -> " + target)
		}
		if to, err := fs.Stat(trees, p); err != nil {
			b.WriteString(" nowhere")
		} else if !to.IsDir() {
			data, err := fs.ReadFile(trees, p)
			if err != nil || int64(len(data)) != to.Size() {
				t.Errorf("%s: %d bytes of %d, %v", p, len(data), to.Size(), err)
			}
			b.WriteString(" " + string(data))
		}
		b.WriteString("\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
