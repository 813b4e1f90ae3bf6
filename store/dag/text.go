package dag

import (
	"encoding/base32"

	"github.com/ipfs/go-cid"
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
	data, err := textEncoding.DecodeString(s[1:])
	if err != nil {
		return cid.Undef, false
	}
	c, err := cid.Cast(data)
	var text [maxText]byte
	if err != nil || c.Version() == 0 || string(AppendCID(text[:0], c)) != s {
		return cid.Undef, false
	}
	return c, true
}
