// Command ipp installs and runs programs from IPFS.
package main

import (
	"os"

	"ipp/cmd"
)

func main() {
	os.Exit(cmd.Main(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
