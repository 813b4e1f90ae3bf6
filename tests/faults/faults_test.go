//go:build linux

package faults

import (
	"testing"

	"ipp/tests/homes"
)

// TestFaults runs all of them in the same homes, one after the other.
func TestFaults(t *testing.T) {
	w := homes.New(t)
	for _, tt := range []struct {
		name string
		test func(*testing.T, *homes.World)
	}{
		{"Disk", testDisk},
		{"Refusals", testRefusals},
		{"Imports", testImports},
		{"Outputs", testOutputs},
		{"Signals", testSignals},
		{"SecondSignalKills", testSecondSignalKills},
		{"SignalsOfPrograms", testSignalsOfPrograms},
		{"NoProc", testNoProc},
		{"Names", testNames},
		{"FUSE", testFUSE},
		{"Deep", testDeep},
		{"Places", testPlaces},
		{"Sudo", testSudo},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, w) })
	}
}
