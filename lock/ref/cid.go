package ref

import (
	"net/url"
	"path"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multibase"
	mh "github.com/multiformats/go-multihash"
)

// minPrefix is how much of a CID must be typed. The first seven characters of
// a CIDv1 in base32 are the same for most packages.
const minPrefix = 12

// maxID bounds what is decoded: some bases take quadratic time. 512-bit hashes
// in base 2 are longer, and nobody writes them.
const maxID = 512

// decodeCID decodes the CID of content, as CIDv1. IPNS keys are none.
func decodeCID(s string) (cid.Cid, bool) {
	c, ok := decodeAny(s)
	return c, ok && c.Type() != cid.Libp2pKey
}

func decodeAny(s string) (cid.Cid, bool) {
	if len(s) > maxID || badText(s) != "" {
		return cid.Undef, false
	}
	c, err := cid.Decode(s)
	if err != nil {
		return cid.Undef, false
	}
	return cid.NewCidV1(c.Type(), c.Hash()), true
}

// looksLikeCID says that s begins as the CIDs of packages and files do: version
// 1, dag-pb or raw, in base32. No name may.
func looksLikeCID(s string) bool {
	return strings.HasPrefix(s, "bafy") || strings.HasPrefix(s, "bafk")
}

func parsePrefix(s string) (Ref, error) {
	why := ""
	switch {
	case strings.ContainsAny(s, "/@"):
		why = "this is not a whole CID, and a prefix takes neither path nor version"
	case len(s) < minPrefix:
		why = "12 characters or more are needed"
	case len(s) > maxID:
		why = "it is too long"
	case !only(s, func(c byte) bool { return isLower(c) || '2' <= c && c <= '7' }):
		why = "neither a CID nor the beginning of one: base32 has only a-z and 2-7"
	}
	if why != "" {
		return Ref{}, syntaxError("CID prefix", s, why, "12 characters or more of a CIDv1 in base32")
	}
	return Ref{Kind: Prefix, Prefix: s}, nil
}

// parseIPFS parses what follows /ipfs/ or ipfs://. Only in a URI are % escapes,
// and ? and # something else than part of a name.
func parseIPFS(s, rest string, uri bool) (Ref, error) {
	if uri && strings.ContainsAny(rest, "?#") {
		return Ref{}, badRef(s, "an ipfs:// address takes no ? or #")
	}
	head, sub, _ := strings.Cut(rest, "/")
	c, ok := decodeCID(head)
	switch {
	case head == "":
		return Ref{}, badRef(s, "the CID is missing")
	case !ok && isIPNSKey(head):
		return Ref{}, badRef(s, "this is an IPNS key: write ipns://"+head)
	case !ok:
		return Ref{}, badRef(s, "not a CID: "+shorten(head))
	}
	if uri {
		var err error
		if sub, err = unescape(sub); err != nil {
			return Ref{}, badRef(s, "a % escape is wrong")
		}
	}
	return contentRef(s, c, sub)
}

// unescape decodes each segment by itself, so that %2F stays an error: no name
// holds a slash.
func unescape(sub string) (string, error) {
	segments := strings.Split(sub, "/")
	for i, segment := range segments {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return "", err
		}
		if strings.Contains(plain, "/") {
			return "", url.EscapeError("%2F")
		}
		segments[i] = plain
	}
	return strings.Join(segments, "/"), nil
}

func contentRef(s string, c cid.Cid, sub string) (Ref, error) {
	if sub != "" && badText(sub) != "" {
		return Ref{}, badRef(s, "in the path below the CID: "+badText(sub))
	}
	for segment := range strings.SplitSeq(sub, "/") {
		if segment == ".." {
			return Ref{}, badRef(s, "the path below a CID takes no ..")
		}
		if len(segment) > 255 {
			return Ref{}, badRef(s, "a name in the path is longer than 255 bytes")
		}
	}
	return Ref{Kind: CID, CID: c, Sub: strings.TrimPrefix(path.Clean("/"+sub), "/")}, nil
}

// parseIPNS parses what follows /ipns/ or ipns://.
func parseIPNS(s, rest string) (Ref, error) {
	name := strings.TrimSuffix(rest, "/")
	if strings.Contains(name, "/") {
		return Ref{}, badRef(s, "an IPNS name takes no path")
	}
	if key, ok := canonicalKey(name); ok {
		return Ref{Kind: IPNS, IPNS: key}, nil
	}
	if !isDNSName(name) {
		return Ref{}, badRef(s, "neither an IPNS key nor a DNS name: "+shorten(name))
	}
	return Ref{Kind: IPNS, IPNS: strings.ToLower(name)}, nil
}

// isIPNSKey says whether s is an IPNS key. A CIDv0 is one too, where IPNS is
// asked for; elsewhere look for CIDs first.
func isIPNSKey(s string) bool {
	_, ok := canonicalKey(s)
	return ok
}

// canonicalKey spells an IPNS key as its specification prefers: CIDv1 with the
// codec libp2p-key, in base36. Keys are also written as a bare multihash in
// base58, as peer IDs are.
func canonicalKey(s string) (string, bool) {
	hash, ok := keyHash(s)
	if !ok {
		return "", false
	}
	text, err := cid.NewCidV1(cid.Libp2pKey, hash).StringOfBase(multibase.Base36)
	return text, err == nil
}

func keyHash(s string) (mh.Multihash, bool) {
	if len(s) > maxID {
		return nil, false
	}
	if isBareKey(s) {
		hash, err := mh.FromB58String(s)
		return hash, err == nil && isKeyHash(hash)
	}
	c, ok := decodeAny(s)
	if !ok || c.Type() != cid.Libp2pKey {
		return nil, false
	}
	return c.Hash(), true
}

// isBareKey says that s begins as keys do that are no CIDs.
func isBareKey(s string) bool { return strings.HasPrefix(s, "1") || strings.HasPrefix(s, "Qm") }

// isKeyHash tells a peer ID from a word that happens to be a multihash in
// base58, as "11" is: an inlined Ed25519 key has 36 bytes, a hash 32.
func isKeyHash(hash mh.Multihash) bool {
	d, err := mh.Decode(hash)
	return err == nil && d.Length >= 32
}

// isDNSName says whether s can be a DNSLink name: two labels or more of
// letters, digits, - and _. Others are written in punycode.
func isDNSName(s string) bool {
	if len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
		if !only(label, func(c byte) bool { return isLetter(c) || isDigit(c) || c == '-' || c == '_' }) {
			return false
		}
	}
	return true
}
