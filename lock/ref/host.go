package ref

import (
	"os"
	"runtime"
	"strings"
)

// Host is the platform of this machine, its own variant included: on Linux
// "musl" where programs are loaded by musl and not by glibc, and on arm the
// version of the architecture (which tells more than musl there). It looks at
// the disk: call it once.
func Host() Platform {
	exists := func(path string) bool { _, err := os.Stat(path); return err == nil }
	return host(runtime.GOOS, runtime.GOARCH, exists, machine)
}

// host is Host of any system: exists looks for a file, machine is uname -m.
func host(goos, goarch string, exists func(string) bool, machine func() string) Platform {
	plain := Platform(goos + "-" + goarch)
	variant := ""
	switch {
	case goos != "linux":
	case goarch == "arm":
		variant = armVariant(machine())
	default:
		musl, glibc := loaders(goarch)
		if musl != "" && exists(musl) && !exists(glibc) {
			variant = "musl"
		}
	}
	if variant == "" {
		return plain
	}
	return plain + "-" + Platform(variant)
}

// armVariant knows the names that Linux gives to 32-bit machines, and to
// 64-bit ones that run 32-bit programs.
func armVariant(machine string) string {
	for prefix, variant := range map[string]string{
		"armv5": "v5", "armv6": "v6", "armv7": "v7", "armv8": "v7", "aarch64": "v7",
	} {
		if strings.HasPrefix(machine, prefix) {
			return variant
		}
	}
	return ""
}

// loaders are the paths of the dynamic loaders, as the ABI of each machine
// fixes them; "" where we know none.
func loaders(goarch string) (musl, glibc string) {
	switch goarch {
	case "amd64":
		return "/lib/ld-musl-x86_64.so.1", "/lib64/ld-linux-x86-64.so.2"
	case "386":
		return "/lib/ld-musl-i386.so.1", "/lib/ld-linux.so.2"
	case "arm64":
		return "/lib/ld-musl-aarch64.so.1", "/lib/ld-linux-aarch64.so.1"
	case "riscv64":
		return "/lib/ld-musl-riscv64.so.1", "/lib/ld-linux-riscv64-lp64d.so.1"
	case "ppc64le":
		return "/lib/ld-musl-powerpc64le.so.1", "/lib64/ld64.so.2"
	case "s390x":
		return "/lib/ld-musl-s390x.so.1", "/lib/ld64.so.1"
	case "loong64":
		return "/lib/ld-musl-loongarch64.so.1", "/lib64/ld-linux-loongarch-lp64d.so.1"
	}
	return "", ""
}
