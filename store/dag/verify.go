package dag

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/ipfs/boxo/verifcid"
	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// Get returns the verified bytes of c: size limit, allowed hash function, and
// hash. Identity CIDs are decoded, never asked of b.
func Get(ctx context.Context, b Blocks, c cid.Cid) ([]byte, error) {
	if err := checkCID(c); err != nil {
		return nil, err
	}
	if data, ok := inline(c); ok {
		return data, nil
	}
	data, err := b.Block(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("read block %s: %w", c, err)
	}
	if err := verify(c, data); err != nil {
		return nil, err
	}
	return data, nil
}

// Verify checks data against c.
func Verify(c cid.Cid, data []byte) error {
	if err := checkCID(c); err != nil {
		return err
	}
	return verify(c, data)
}

// verify is Verify for a c that passed checkCID.
func verify(c cid.Cid, data []byte) error {
	if len(data) > MaxBlock {
		return &LimitError{What: fmt.Sprintf("bytes in block %s", c), Limit: MaxBlock}
	}
	p := c.Prefix()
	if p.MhType == mh.SHA2_256 && p.MhLength == sha256.Size {
		sum := sha256.Sum256(data)
		if h := c.Hash(); bytes.Equal(sum[:], h[len(h)-sha256.Size:]) {
			return nil
		}
	}
	got, err := p.Sum(data)
	if err != nil {
		return fmt.Errorf("hash block %s: %w", c, err)
	}
	if !got.Equals(c) {
		return &HashError{CID: c, Got: got.String()}
	}
	return nil
}

// checkCID refuses what could never be verified.
func checkCID(c cid.Cid) error {
	if !c.Defined() {
		return &FormatError{Why: "a CID is missing"}
	}
	if err := verifcid.ValidateCid(allowlist{}, c); err != nil {
		return &FormatError{CID: c, Why: err.Error()}
	}
	return nil
}

// inline returns the bytes that an identity CID carries.
func inline(c cid.Cid) ([]byte, bool) {
	if c.Prefix().MhType != mh.IDENTITY {
		return nil, false
	}
	d, err := mh.Decode(c.Hash())
	if err != nil {
		return nil, false
	}
	return d.Digest, true
}

// allowlist is verifcid's policy made stricter: a CID is the only proof that
// ipp has, so SHA-1 and digests below 256 bits, for which collisions are or may
// become affordable, are refused.
type allowlist struct{}

const minDigest = 32

func (allowlist) IsAllowed(code uint64) bool {
	switch code {
	case mh.IDENTITY, mh.SHA2_256, mh.SHA2_512, mh.SHA3_256, mh.SHA3_384, mh.SHA3_512, mh.BLAKE3:
		return true
	}
	return code >= mh.BLAKE2B_MIN+minDigest-1 && code <= mh.BLAKE2B_MAX || code == mh.BLAKE2S_MAX
}

func (allowlist) MinDigestSize(code uint64) int {
	if code == mh.IDENTITY {
		return 0
	}
	return minDigest
}

func (allowlist) MaxDigestSize(code uint64) int {
	return verifcid.DefaultAllowlist.MaxDigestSize(code)
}
