package gc

import (
	"testing"

	"ipp/generation"
	"ipp/store"

	"github.com/ipfs/go-cid"
)

func TestReasonInWords(t *testing.T) {
	for want, r := range map[string]Reason{
		"default 4":                        {Kind: ByGeneration, Profile: "default", Generations: []generation.Number{4}},
		"default 4 and 2 more":             {Kind: ByGeneration, Profile: "default", Generations: []generation.Number{4, 3, 1}},
		"ipp import":                       {Kind: ByRoot, Why: "ipp import"},
		"lease of PID 7 (ipp pack)":        {Kind: ByLease, PIDs: []int{7}, Why: "ipp pack"},
		"in use by PID 7 (esbuild)":        {Kind: ByProgram, PIDs: []int{7}, Why: "esbuild"},
		"in use by PID 7 (vim) and 1 more": {Kind: ByProgram, PIDs: []int{7, 9}, Why: "vim"},
	} {
		if got := r.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestRunIsNamedOnce: a program that ipp run became holds the lease of ipp run.
func TestRunIsNamedOnce(t *testing.T) {
	root := cid.MustParse("bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi")
	k := store.Key{Root: root, Part: store.AnyPart}
	f := Facts{
		Trees:     []Tree{{Key: k}},
		Leases:    []store.LeaseInfo{{PID: 7, Purpose: "ipp run", Roots: []cid.Cid{root}}, {PID: 8, Purpose: "ipp show", Roots: []cid.Cid{root}}},
		Processes: []Process{{PID: 7, Name: "two", Trees: []store.Key{k}}, {PID: 9, Name: "two", Trees: []store.Key{k}}},
	}
	if got, want := MakePlan(f, Policy{}).Trees[0].Why(), "lease of PID 8 (ipp show); in use by PID 7 (two) and 1 more"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
