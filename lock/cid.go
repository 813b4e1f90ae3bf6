package lock

import (
	"encoding/base32"

	"github.com/ipfs/go-cid"
)

// cidCodec spells CIDs as encodeCID does, version 1 in base32, and reads them. By the standard library's codec this takes a third of the time, which
// counts in a large profile. It is for one call's use.
type cidCodec struct{ base32 *base32.Encoding }

func newCIDCodec() *cidCodec {
	return &cidCodec{base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)}
}

// multibase is what a CID's text begins with to say that base32 follows.
const multibase = 'b'

// appendText appends what encodeCID gives.
func (x *cidCodec) appendText(b []byte, c cid.Cid) []byte {
	if !c.Defined() {
		return append(b, encodeCID(c)...)
	}
	return x.base32.AppendEncode(append(b, multibase), v1(c).Bytes())
}

// parse parses a CID in any spelling.
func (x *cidCodec) parse(s string) (cid.Cid, error) {
	if len(s) < 2 || s[0] != multibase {
		return parseCID(s)
	}
	data, err := x.base32.DecodeString(s[1:])
	if err != nil {
		return parseCID(s) // which says what is wrong
	}
	c, err := cid.Cast(data)
	if err != nil || c.Version() == 0 {
		return parseCID(s)
	}
	return c, nil
}
