package tests

import (
	"fmt"
	"os"
	"testing"

	"ipp/tests/support"
)

// ippPath is the real binary, built once for all stories.
var ippPath string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ipp-tests-")
	if err == nil {
		defer os.RemoveAll(dir)
		ippPath, err = support.Build(dir, raceFlags()...)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
