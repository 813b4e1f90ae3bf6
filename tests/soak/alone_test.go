//go:build linux

package soak

import (
	"maps"
	"os"
	"slices"
	"strings"
)

// alone changes the profile that nobody else changes, and knows what is there
// after each command: success is what was asked for, a refusal or an interrupt
// changed nothing, a kill the one or the other.
func (w *worker) alone() {
	from := w.pointer(alone)
	before := w.installed(alone, from.to)
	args, after, allowed := w.plan(from.to, before)
	o, ended := w.try(alone, args, allowed...)
	now := w.pointer(alone)
	is := w.installed(alone, now.to)
	switch {
	case ended == "done" && after != nil && !maps.Equal(is, after):
		w.bad("%v\nleaves %v, not %v; it was %v", o, is, after, before)
	case ended == "killed" && now != from && after != nil && !maps.Equal(is, after):
		w.bad("%v\nleaves %v, neither %v nor %v", o, is, after, before)
	case ended != "done" && ended != "killed" && now != from:
		w.bad("%v\nand generation %s is current, not %s", o, now.to, from.to)
	}
	if bad := w.runs(alone, now.to); bad != nil {
		w.bad("%v\nand then, in generation %s: %s", o, now.to, strings.Join(bad, "\n\t"))
	}
}

// plan chooses a command, and says what will be installed after it; nil is not
// foretold.
func (w *worker) plan(current string, have map[string]string) (args []string, after map[string]string, allowed []may) {
	after = maps.Clone(have)
	name, version := one(w.rand, slices.Concat(kept, loose)...), one(w.rand, versions...)
	if n := w.rand.IntN(10); n < 3 {
		after[name] = version
		return []string{"install", car(name, version)}, after, nil
	} else if n < 5 {
		name = one(w.rand, kept...)
		after[name] = version
		return []string{"install", name + "@" + version}, after, nil
	} else if n < 6 {
		return []string{"upgrade"}, nil, nil
	} else if n < 8 || len(have) == 0 {
		return w.planRollback(current)
	}
	name = one(w.rand, slices.Sorted(maps.Keys(have))...)
	if slices.Contains(kept, name) && w.rand.IntN(2) == 0 {
		after[name] = version
		return []string{"switch", name + "@" + version}, after, nil
	}
	delete(after, name)
	return []string{"remove", name}, after, nil
}

// planRollback: the parent of current stays, so that rollback fails only where
// it went before it became that.
func (w *worker) planRollback(current string) (args []string, after map[string]string, allowed []may) {
	parent := w.parentOf(alone, current)
	if parent == "" {
		return []string{"rollback"}, nil, []may{first}
	}
	after = w.installed(alone, parent)
	if _, err := os.Stat(w.path(alone, parent)); err != nil {
		return []string{"rollback"}, nil, []may{pruned}
	}
	return []string{"rollback"}, after, nil
}
