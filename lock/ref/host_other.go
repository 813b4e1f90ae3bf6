//go:build !linux

package ref

// machine is not needed: only Linux has variants.
func machine() string { return "" }
