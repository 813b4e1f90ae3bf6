package dag

import (
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// The text of a CID is what the CID library says of it as version 1, and no other
// spelling is read.
func TestCIDText(t *testing.T) {
	sum := func(code uint64, n int) mh.Multihash {
		h, err := mh.Sum([]byte("x"), code, n)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for _, c := range []cid.Cid{
		cid.NewCidV1(cid.Raw, sum(mh.SHA2_256, -1)), cid.NewCidV1(cid.DagProtobuf, sum(mh.SHA2_256, -1)),
		cid.NewCidV0(sum(mh.SHA2_256, -1)), cid.NewCidV1(cid.Raw, sum(mh.IDENTITY, -1)), cid.NewCidV1(cid.Raw, sum(mh.SHA2_512, -1)),
	} {
		v1 := cid.NewCidV1(c.Type(), c.Hash())
		text := CIDText(c)
		if text != v1.String() {
			t.Errorf("%s is spelled %s", v1, text)
		}
		if back, ok := ParseCIDText(text); !ok || back != v1 {
			t.Errorf("%s is read as %s, %t", text, back, ok)
		}
		for _, other := range []string{"", "b", text[1:], text + "a", text + "=", text[:len(text)-1], text + "\n", text[:9] + "\n" + text[9:],
			strings.ToUpper(text), "B" + text[1:], c.Hash().B58String(), text + strings.Repeat("a", maxText)} {
			if got, ok := ParseCIDText(other); ok && other != text {
				t.Errorf("%q is read as %s", other, got)
			}
		}
	}
	if CIDText(cid.Undef) != cid.Undef.String() {
		t.Errorf("no CID is %q", CIDText(cid.Undef))
	}
}
