package main

import "testing"

func TestAtDeadline(t *testing.T) {
	for said, want := range map[string]bool{
		"fuzz: elapsed: 1s, execs: 4360 (4115/sec)\n--- FAIL: FuzzOpen (1.07s)\n    context deadline exceeded\nFAIL\n": true,
		"--- FAIL: FuzzOpen (1.07s)\n    fuzzing process hung or terminated unexpectedly: exit status 2\nFAIL\n":       false,
		"--- FAIL: FuzzOpen (1.07s)\n    --- FAIL: FuzzOpen (0.00s)\n        open: context deadline exceeded\n" +
			"    Failing input written to testdata/fuzz/FuzzOpen/1f\nFAIL\n": false,
		"--- FAIL: FuzzOpen (1.07s)\n    context deadline exceeded\n    Failing input written to testdata/fuzz/FuzzOpen/1f\nFAIL\n": false,
		"PASS\n": false,
	} {
		if got := atDeadline([]byte(said)); got != want {
			t.Errorf("%q: %v, want %v", said, got, want)
		}
	}
}
