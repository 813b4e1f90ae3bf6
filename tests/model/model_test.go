package main

import (
	"maps"
	"slices"
	"testing"
)

// TestProtocol explores the smallest scenario with a pack and the smallest with
// a running program: every state, no violation. All of them take 20 s and 1.2
// GB: `go run ./tests/model -all`, which .ci/run calls.
func TestProtocol(t *testing.T) {
	for _, i := range []int{5, 6} {
		sc := scenarios()[i]
		n, complete, viol := sc.model(all(t, "")).explore(1<<20, false)
		if !complete || n < 100_000 || len(viol) > 0 {
			t.Errorf("%s: %d states, complete: %v, violations: %v", sc.name, n, complete, slices.Collect(maps.Keys(viol)))
		}
	}
}

// TestMutants drops one rule a time: the model must notice each. `go run
// ./tests/model -off each` drops every one (2 minutes).
func TestMutants(t *testing.T) {
	for _, c := range []struct {
		off, want string
		scenario  int
	}{
		{"PruneDurable", "kept", 0}, // prune not durable before the sweep
		{"NamesDurable", "whole", 0},
		{"EntryFsync", "current", 0}, // "nothing to do" said without the fsync
		{"ObjsFirst", "whole", 0},
		{"FlipFsync", "lost", 0},
		{"Tombstone", "number", 0}, // numbers by highest existing directory
		{"TrashUnique", "leak", 1},
		{"ObjsAbort", "kept", 9}, // a sweep goes on without some tree's .objects,
	} {
		sc := scenarios()[c.scenario]
		_, _, viol := sc.model(all(t, c.off)).explore(1<<20, true)
		if _, ok := viol[c.want]; !ok {
			t.Errorf("without %s in %s: violations %v, want %q", c.off, sc.name, slices.Collect(maps.Keys(viol)), c.want)
		}
	}
}

func TestNoSuchRule(t *testing.T) {
	if _, err := rules("FlipFsync+Nonsense"); err == nil {
		t.Error("a rule that does not exist was switched off")
	}
}

func all(t *testing.T, off string) Rules {
	t.Helper()
	r, err := rules(off)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
