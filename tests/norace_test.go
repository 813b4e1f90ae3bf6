//go:build !race

package tests

func raceFlags() []string { return nil }
