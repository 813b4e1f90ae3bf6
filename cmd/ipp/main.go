// Command ipp installs and runs programs from IPFS.
package main

import (
	"os"
	"runtime/debug"

	"ipp/cmd"
)

// softMemory is what Go may hold before it collects all it can, in bytes. With
// the pages of the program itself, about 12 MiB, every command stays below
// 64 MiB on a package of 100,000 files, which costs it little time. A store of
// many times that needs more, and gets it. GOMEMLIMIT in the environment says
// otherwise.
const softMemory = 32 << 20

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemory)
	}
	os.Exit(cmd.Main(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
