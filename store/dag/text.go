package dag

import (
	"crypto/sha256"
	"encoding/base32"
	"slices"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// A CID is stored and shown in one spelling: version 1, in base32 without
// padding. Profiles hold thousands, and every command reads them: by the standard
// library's codec a CID takes a third of the time that it takes by multibase's.
var textEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// multibasePrefix says that base32 follows.
const multibasePrefix = 'b'

// maxText is longer than the text of any CID that a file of ipp's holds.
const maxText = 256

// V1 is the CID as version 1.
func V1(c cid.Cid) cid.Cid {
	if c.Defined() && c.Version() == 0 {
		return cid.NewCidV1(c.Type(), c.Hash())
	}
	return c
}

// CIDText spells a CID.
func CIDText(c cid.Cid) string { return string(AppendCID(make([]byte, 0, maxText), c)) }

// AppendCID appends what CIDText gives.
func AppendCID(b []byte, c cid.Cid) []byte {
	return textEncoding.AppendEncode(append(b, multibasePrefix), []byte(V1(c).KeyString()))
}

// ParseCIDText reads what CIDText gives; false: it is spelled in another way, or
// is no CID.
func ParseCIDText(s string) (cid.Cid, bool) {
	if len(s) < 2 || len(s) > maxText || s[0] != multibasePrefix {
		return cid.Undef, false
	}
	var text, data [maxText]byte
	n := decodeText(data[:], s[1:])
	c, err := castCID(data[:n])
	if err != nil || c.Version() == 0 || string(AppendCID(text[:0], c)) != s {
		return cid.Undef, false
	}
	return c, true
}

// decodeText decodes what textEncoding encodes, and anything else to something:
// who asks encodes it again, and compares. The standard library's decoder makes
// garbage of twice the size of a CID each time.
func decodeText(to []byte, s string) (n int) {
	var bits, held uint
	for i := range len(s) {
		digit := s[i] - 'a'
		if s[i] < 'a' {
			digit = s[i] - '2' + 26
		}
		bits, held = bits<<5|uint(digit&31), held+5
		if held >= 8 {
			held -= 8
			to[n], n = byte(bits>>held), n+1
		}
	}
	return n
}

// castCID is cid.Cast, to which data need not escape if it is a CID of the kind
// that nearly all are.
func castCID(data []byte) (cid.Cid, error) {
	const head = 2 // version and codec
	if len(data) == head+2+sha256.Size && data[0] == 1 && data[1] < 0x80 && data[2] == mh.SHA2_256 && data[3] == sha256.Size {
		return cid.NewCidV1(uint64(data[1]), data[head:]), nil
	}
	return cid.Cast(slices.Clone(data))
}
