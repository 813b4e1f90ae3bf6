// Command ipp installs and runs programs from IPFS.
package main

import (
	"os"
	"runtime/debug"

	"ipp/cmd"
)

// softMemory is what Go may hold before it collects all it can, in bytes. With
// the pages of the program itself, about 12 MiB, every command stays below
// 64 MiB; what a package of 100,000 files needs is far below this, so it costs
// no time. GOMEMLIMIT in the environment says otherwise.
const softMemory = 40 << 20

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemory)
	}
	os.Exit(cmd.Main(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
