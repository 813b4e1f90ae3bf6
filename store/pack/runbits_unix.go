//go:build !windows

package pack

// runBits says whether files of this system have run bits. Where they do not,
// they come from [commands], magic numbers and #!.
const runBits = true
