package gc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"ipp/generation"
	"ipp/lock/ref"
	"ipp/store"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

const day = 24 * time.Hour

func now() time.Time { return time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC) }

// key is a tree of its own for each name.
func key(name string) store.Key {
	hash, err := multihash.Sum([]byte(name), multihash.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	return store.Key{Root: cid.NewCidV1(cid.DagProtobuf, hash), Part: store.AnyPart}
}

func keys(names string) (keys []store.Key) {
	for _, n := range strings.Fields(names) {
		keys = append(keys, key(n))
	}
	return keys
}

// gen is generation "PROFILE N", made from parent, days ago, holding trees.
func gen(id string, parent, days int, trees string) Gen {
	name, n, _ := strings.Cut(id, " ")
	number, err := strconv.Atoi(n)
	if err != nil {
		panic(err)
	}
	return Gen{
		Profile: ref.Name(name),
		Dir:     "/state/profiles/" + name,
		Number:  generation.Number(number),
		Parent:  generation.Number(parent),
		Time:    now().Add(-time.Duration(days) * day),
		Trees:   held.add(keys(trees)),
	}
}

// held numbers the trees of all tests.
var held table

// makePlan is MakePlan with facts whose generations are gen's.
func makePlan(f Facts, p Policy) *Plan {
	f.Keys = held.keys
	return MakePlan(f, p)
}

func current(g Gen) Gen {
	g.Current = true
	return g
}

// tree is a tree of that name with files "OBJECT:SIZE …".
func tree(name, files string) Tree {
	t := Tree{Key: key(name), Label: name}
	for i, f := range strings.Fields(files) {
		object, size, _ := strings.Cut(f, ":")
		info := store.FileInfo{Path: fmt.Sprint(i), Object: object}
		if _, err := fmt.Sscan(size, &info.Size); err != nil {
			panic(err)
		}
		t.Files = append(t.Files, info)
	}
	return t
}

// four generations of one profile: 4 is current and was made from 2.
func four() []Gen {
	return []Gen{
		gen("p 1", 0, 90, "a"), gen("p 2", 1, 60, "a b"),
		gen("p 3", 2, 30, "b c"), current(gen("p 4", 2, 10, "b d")),
	}
}

func TestPlanGenerations(t *testing.T) {
	process := func(pid int, trees string) Process { return Process{PID: pid, Name: "x", Trees: keys(trees)} }
	tests := map[string]struct {
		facts  Facts
		policy Policy
		want   string // one line a generation: "NUMBER goes|stays: REASON"
	}{
		"no policy removes none": {
			facts: Facts{Gens: four()},
			want: `p 1 stays: nothing asked to remove it
p 2 stays: parent of current
p 3 stays: nothing asked to remove it
p 4 stays: current`,
		},
		"keep": {
			facts:  Facts{Gens: four()},
			policy: Policy{Keep: 2},
			want: `p 1 goes: beyond the newest 2
p 2 stays: parent of current
p 3 stays: among the newest 2
p 4 stays: current`,
		},
		"keep counts the current one": {
			facts:  Facts{Gens: four()},
			policy: Policy{Keep: 1},
			want: `p 1 goes: beyond the newest 1
p 2 stays: parent of current
p 3 goes: beyond the newest 1
p 4 stays: current`,
		},
		"older than": {
			facts:  Facts{Gens: four()},
			policy: Policy{OlderThan: 30 * day},
			want: `p 1 goes: older than 30d
p 2 stays: parent of current
p 3 stays: not older than 30d
p 4 stays: current`,
		},
		"both keep what either keeps": {
			facts:  Facts{Gens: append(four(), gen("p 5", 4, 1, ""))},
			policy: Policy{Keep: 3, OlderThan: 80 * day},
			want: `p 1 goes: beyond the newest 3, older than 80d
p 2 stays: parent of current
p 3 stays: among the newest 3
p 4 stays: current
p 5 stays: among the newest 3`,
		},
		"the profile's own keep, when old ones are asked for": {
			facts:  Facts{Gens: four(), Keep: map[string]int{"/state/profiles/p": 4}},
			policy: Policy{OlderThan: day},
			want: `p 1 stays: among the newest 4
p 2 stays: parent of current
p 3 stays: among the newest 4
p 4 stays: current`,
		},
		"what is said beats the profile's own keep": {
			facts:  Facts{Gens: four(), Keep: map[string]int{"/state/profiles/p": 4}},
			policy: Policy{Keep: 1, OlderThan: day},
			want: `p 1 goes: beyond the newest 1, older than 1d
p 2 stays: parent of current
p 3 goes: beyond the newest 1, older than 1d
p 4 stays: current`,
		},
		"the profile's own keep removes nothing by itself": {
			facts: Facts{Gens: four(), Keep: map[string]int{"/state/profiles/p": 1}},
			want: `p 1 stays: nothing asked to remove it
p 2 stays: parent of current
p 3 stays: nothing asked to remove it
p 4 stays: current`,
		},
		"profiles are counted apart": {
			facts:  Facts{Gens: append(four(), gen("o 1", 0, 9, ""), gen("o 2", 1, 8, ""), current(gen("o 3", 0, 7, "")))},
			policy: Policy{Keep: 2},
			want: `o 1 goes: beyond the newest 2
o 2 stays: among the newest 2
o 3 stays: current
p 1 goes: beyond the newest 2
p 2 stays: parent of current
p 3 stays: among the newest 2
p 4 stays: current`,
		},
		"no current generation yet": {
			facts:  Facts{Gens: []Gen{gen("p 1", 0, 9, "a"), gen("p 2", 0, 8, "a")}},
			policy: Policy{Keep: 1},
			want: `p 1 goes: beyond the newest 1
p 2 stays: among the newest 1`,
		},
		"a tree in use keeps the newest that holds it": {
			facts: Facts{
				Gens: []Gen{
					gen("p 1", 0, 9, "a"), gen("p 2", 1, 8, "a"), gen("p 3", 2, 7, "x"),
					gen("p 4", 3, 6, ""), current(gen("p 5", 4, 5, "")),
				},
				Processes: []Process{process(12, "a"), process(13, "a")},
			},
			policy: Policy{Keep: 1},
			want: `p 1 goes: beyond the newest 1
p 2 stays: in use by PID 12 (x) and 1 more
p 3 goes: beyond the newest 1
p 4 stays: parent of current
p 5 stays: current`,
		},
		"a tree in use that stays anyway keeps nothing more": {
			facts: Facts{
				Gens:      four(),
				Processes: []Process{process(12, "b")},
			},
			policy: Policy{Keep: 1},
			want: `p 1 goes: beyond the newest 1
p 2 stays: parent of current
p 3 goes: beyond the newest 1
p 4 stays: current`,
		},
		"numbers, not clocks, say which is newer in a profile": {
			facts: Facts{
				Gens:      []Gen{gen("p 1", 0, 1, "a"), gen("p 2", 1, 9, "a"), gen("p 3", 0, 0, ""), current(gen("p 4", 3, 0, ""))},
				Processes: []Process{process(12, "a")},
			},
			policy: Policy{Keep: 1},
			want: `p 1 goes: beyond the newest 1
p 2 stays: in use by PID 12 (x)
p 3 stays: parent of current
p 4 stays: current`,
		},
		"between profiles the clock does": {
			facts: Facts{
				Gens: []Gen{
					gen("o 1", 0, 3, "a"), current(gen("o 2", 0, 1, "")),
					gen("p 1", 0, 4, "a"), current(gen("p 2", 0, 1, "")),
				},
				Processes: []Process{process(12, "a")},
			},
			policy: Policy{Keep: 1},
			want: `o 1 stays: in use by PID 12 (x)
o 2 stays: current
p 1 goes: beyond the newest 1
p 2 stays: current`,
		},
		"from the future is young": {
			facts:  Facts{Gens: []Gen{gen("p 1", 0, -365, ""), gen("p 2", 0, 40, ""), current(gen("p 3", 0, 1, ""))}},
			policy: Policy{OlderThan: day},
			want: `p 1 stays: not older than 1d
p 2 goes: older than 1d
p 3 stays: current`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.facts.Now = now()
			var lines []string
			for _, g := range makePlan(tt.facts, tt.policy).Gens {
				fate := "stays"
				if g.Goes {
					fate = "goes"
				}
				lines = append(lines, fmt.Sprintf("%s %d %s: %s", g.Profile, g.Number, fate, g.Reason))
			}
			if got := strings.Join(lines, "\n"); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestPlanTrees(t *testing.T) {
	f := Facts{
		Now: now(),
		Gens: []Gen{
			gen("p 1", 0, 9, "gone twice shared"), gen("p 2", 1, 8, "twice stays"),
			gen("p 3", 0, 7, "stays"), current(gen("p 4", 3, 6, "stays missing")),
			gen("q 1", 0, 5, "stays twice"), current(gen("q 2", 0, 1, "")),
		},
		Trees: []Tree{
			tree("gone", "1:1 1:1 2:10"), tree("twice", "2:10 3:100"), tree("stays", "4:1000"),
			tree("shared", "4:1000 5:10000"), tree("kept", "6:1"), tree("leased", "7:1"),
			tree("run", "8:1"), tree("orphan", "9:5 4:1000"),
			{Key: key("bad"), Label: "bad", Err: errors.New("unreadable")},
		},
		Roots: []store.Root{
			{Kind: store.KeptRoot, CID: key("kept").Root, Why: "pack"},
			{Kind: store.ProfileRoot, Path: "/state/profiles/p"},
		},
		Leases:    []store.LeaseInfo{{ID: "1", PID: 7, Purpose: "install", Roots: []cid.Cid{key("leased").Root}}},
		Processes: []Process{{PID: 12, Name: "x", Trees: keys("run")}},
	}
	want := map[string]string{
		"gone":   "goes: last held by p 1",
		"twice":  "goes: last held by q 1",
		"stays":  "stays: p 4 and 1 more",
		"shared": "goes: last held by p 1",
		"kept":   "stays: pack",
		"leased": "stays: lease of PID 7 (install)",
		"run":    "stays: in use by PID 12 (x)",
		"orphan": "goes: nothing refers to it",
		"bad":    "goes: nothing refers to it",
	}
	plan := makePlan(f, Policy{Keep: 1})
	bytes := map[string]int64{}
	for _, tree := range plan.Trees {
		fate := "stays"
		if tree.Goes {
			fate = "goes"
		}
		if got := fate + ": " + tree.Why(); got != want[tree.Label] {
			t.Errorf("%s %q, want %q", tree.Label, got, want[tree.Label])
		}
		bytes[tree.Label] = tree.Bytes
		if hasErr := tree.Label == "bad"; (tree.Err != nil) != hasErr {
			t.Errorf("%s: error %v", tree.Label, tree.Err)
		}
	}
	// Object 2 goes with one of two trees, 4 stays.
	if got := bytes["gone"] + bytes["twice"]; got != 1+10+100 || bytes["shared"] != 10000 || bytes["orphan"] != 5 {
		t.Errorf("bytes that go: %v", bytes)
	}
	if plan.Bytes != 1+10+100+10000+5 {
		t.Errorf("the plan frees %d", plan.Bytes)
	}
}

func TestPlanUniqueBytes(t *testing.T) {
	f := Facts{
		Now: now(),
		Gens: []Gen{
			gen("p 1", 0, 9, "own common"), gen("p 2", 1, 8, "own2 own3 kept leased run common"),
			current(gen("p 3", 2, 7, "common other")),
		},
		Trees: []Tree{
			tree("own", "1:1 1:1 2:10"),      // 2 is in other as well
			tree("own2", "3:100 4:1000 9:7"), // 3 twice in one generation: its own
			tree("own3", "3:100"), tree("common", "5:9"), tree("other", "2:10"),
			tree("kept", "6:9"), tree("leased", "7:9"), tree("run", "8:9"), tree("orphan", "9:7"),
		},
		Roots:     []store.Root{{Kind: store.KeptRoot, CID: key("kept").Root}},
		Leases:    []store.LeaseInfo{{Roots: []cid.Cid{key("leased").Root}}},
		Processes: []Process{{PID: 1, Trees: keys("run")}},
	}
	for _, p := range []Policy{{}, {Keep: 1}} { // whether they go or not
		want := []int64{1, 100 + 1000 + 7, 0}
		for i, g := range makePlan(f, p).Gens {
			if g.Unique != want[i] {
				t.Errorf("policy %v: generation %d alone keeps %d, want %d", p, g.Number, g.Unique, want[i])
			}
		}
	}
}

func TestPlanUnreadableLeaseKeepsAll(t *testing.T) {
	f := Facts{
		Trees:  []Tree{tree("a", "1:1")},
		Leases: []store.LeaseInfo{{ID: "x", All: true, PID: 3, Purpose: "pack"}},
	}
	plan := makePlan(f, Policy{})
	if plan.Trees[0].Goes || plan.Trees[0].Why() != "lease of PID 3 (pack)" || plan.Bytes != 0 {
		t.Errorf("got %+v", plan.Trees[0])
	}
}

func TestPlanLeavesFactsAlone(t *testing.T) {
	f := Facts{Now: now(), Gens: []Gen{gen("p 2", 1, 1, "b"), gen("p 1", 0, 2, "a")}}
	makePlan(f, Policy{Keep: 1})
	if f.Gens[0].Number != 2 || f.Gens[1].Number != 1 {
		t.Error("the caller's generations were sorted")
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		30 * day: "30d", day: "1d", 36 * time.Hour: "36h", 90 * time.Minute: "1h30m",
		30 * time.Second: "30s", 100 * time.Second: "1m40s", 10 * time.Minute: "10m", 0: "0s",
	} {
		if got := age(d); got != want {
			t.Errorf("age(%v) = %q, want %q", d, got, want)
		}
	}
}
