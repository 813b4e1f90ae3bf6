package ref

import (
	"strings"

	"github.com/ipfs/go-cid"
)

// Name is the name of a package, profile or channel.
type Name string

// Command is the name of a program in a forest's bin directory.
type Command string

const (
	nameForm    = "[a-z0-9][a-z0-9._+-]{0,63}"
	commandForm = "[A-Za-z0-9][A-Za-z0-9._+-]{0,127}"
)

// ParseName parses the name of a package, profile or channel. What could be
// taken for another form of REF is none, and neither is what Windows reserves.
func ParseName(s string) (Name, error) {
	if why := notAName(s); why != "" {
		return "", syntaxError("name", s, why, nameForm)
	}
	return Name(s), nil
}

func notAName(s string) string {
	switch {
	case badText(s) != "":
		return badText(s)
	case len(s) > 64:
		return "it is longer than 64 characters"
	case strings.ContainsFunc(s, func(r rune) bool { return 'A' <= r && r <= 'Z' }):
		return "upper case is not allowed"
	case !isNameStart(s[0]):
		return "it must begin with a letter or digit"
	case !only(s, isNameByte):
		return badCharacter(s, isNameByte)
	case strings.HasSuffix(s, ".car"):
		return "what ends in .car is a path"
	case strings.HasSuffix(s, "."):
		return "it must not end in a dot"
	case isReserved(s):
		return "Windows reserves it"
	case looksLikeCID(s):
		return "what begins with bafy or bafk is a CID"
	}
	return notAnID(s)
}

func notAnID(s string) string {
	c, ok := decodeAny(s)
	switch {
	case ok && c.Type() != cid.Libp2pKey:
		return "it is a CID"
	case ok, isBareKey(s) && isIPNSKey(s):
		return "it is an IPNS key"
	}
	return ""
}

func isNameStart(c byte) bool { return isLower(c) || isDigit(c) }
func isNameByte(c byte) bool  { return isNameStart(c) || strings.IndexByte("._+-", c) >= 0 }

// ParseCommand parses the name of a program.
func ParseCommand(s string) (Command, error) {
	if why := notACommand(s); why != "" {
		return "", syntaxError("command", s, why, commandForm)
	}
	return Command(s), nil
}

func notACommand(s string) string {
	switch {
	case badText(s) != "":
		return badText(s)
	case len(s) > 128:
		return "it is longer than 128 characters"
	case !isLetter(s[0]) && !isDigit(s[0]):
		return "it must begin with a letter or digit"
	case !only(s, isCommandByte):
		return badCharacter(s, isCommandByte)
	case isReserved(s):
		return "Windows reserves it"
	}
	return ""
}

func isCommandByte(c byte) bool { return isUpper(c) || isNameByte(c) }

// isReserved says whether Windows takes s, with or without an extension, for a
// device.
func isReserved(s string) bool {
	base, _, _ := strings.Cut(strings.ToLower(s), ".")
	switch base {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(base) == 4 && (base[:3] == "com" || base[:3] == "lpt") && '1' <= base[3] && base[3] <= '9'
}
