package ref

import "strings"

// Platform is GOOS-GOARCH[-VARIANT].
type Platform string

const platformForm = "GOOS-GOARCH[-VARIANT] in Go's words, as linux-amd64 or linux-arm-v7"

// maxVariant bounds a variant: platforms are parts of file names.
const maxVariant = 32

// ParsePlatform parses a platform. Systems and machines are those of Go.
func ParsePlatform(s string) (Platform, error) {
	if why := notAPlatform(s); why != "" {
		return "", syntaxError("platform", s, why, platformForm)
	}
	return Platform(s), nil
}

func notAPlatform(s string) string {
	if why := badText(s); why != "" {
		return why
	}
	parts := strings.Split(s, "-")
	switch {
	case len(parts) < 2:
		return "the machine is missing"
	case len(parts) > 3:
		return "it has more than three parts"
	case !isOS(parts[0]):
		return "unknown system " + shorten(parts[0]) + otherWord(parts[0])
	case !isArch(parts[1]):
		return "unknown machine " + shorten(parts[1]) + otherWord(parts[1])
	case len(parts) == 3 && (parts[2] == "" || !only(parts[2], isNameStart)):
		return "a variant has only a-z and 0-9"
	case len(parts) == 3 && len(parts[2]) > maxVariant:
		return "the variant is too long"
	}
	return ""
}

// otherWord is a hint for what others call a system or machine.
func otherWord(s string) string {
	word := ""
	switch strings.ToLower(s) {
	case "macos", "osx", "mac":
		word = "darwin"
	case "win", "win32", "win64":
		word = "windows"
	case "x86_64", "x64":
		word = "amd64"
	case "aarch64", "armv8":
		word = "arm64"
	case "i386", "i686", "x86":
		word = "386"
	case "armv7", "armv7l", "armhf", "armv6", "armv6l":
		word = "arm, with the variant v6 or v7"
	default:
		return ""
	}
	return ": write " + word
}

func isOS(s string) bool {
	switch s {
	case "aix", "android", "darwin", "dragonfly", "freebsd", "illumos", "ios", "js", "linux",
		"netbsd", "openbsd", "plan9", "solaris", "wasip1", "windows":
		return true
	}
	return false
}

func isArch(s string) bool {
	switch s {
	case "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle",
		"ppc64", "ppc64le", "riscv64", "s390x", "wasm":
		return true
	}
	return false
}

func (p Platform) part(i int) string {
	if parts := strings.SplitN(string(p), "-", 3); i < len(parts) {
		return parts[i]
	}
	return ""
}

// OS is the operating system, as in GOOS.
func (p Platform) OS() string { return p.part(0) }

// Arch is the machine, as in GOARCH.
func (p Platform) Arch() string { return p.part(1) }

// Variant is what follows system and machine, or "".
func (p Platform) Variant() string { return p.part(2) }

// Plain is p without its variant.
func (p Platform) Plain() Platform {
	return Platform(strings.TrimSuffix(string(p), "-"+p.Variant()))
}

// Candidates lists what a machine of platform p can run, best first: its own
// variant, the plain platform, and darwin-amd64 on darwin-arm64.
func (p Platform) Candidates() []Platform {
	all := []Platform{p}
	if p.Variant() != "" {
		all = append(all, p.Plain())
	}
	if p.Plain() == "darwin-arm64" {
		all = append(all, "darwin-amd64")
	}
	return all
}
