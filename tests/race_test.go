//go:build race

package tests

// raceFlags build ipp with the race detector where the tests run with it.
func raceFlags() []string { return []string{"-race"} }
