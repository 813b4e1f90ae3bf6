package lock

import (
	"fmt"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// ProfileDAG builds the profile's own UnixFS directory: profile.toml in
// canonical form, profile.lock, and packages/NAME links. Its CID is equal on
// every machine. The builder keeps no leaves: these are the pieces, LeafSize
// each, of what Encode gives.
func ProfileDAG(b *dag.Builder, p *Profile, l *Lockfile) (dag.Link, error) {
	packages := map[string]dag.Link{}
	for _, pkg := range l.Packages {
		packages[string(pkg.Name)] = dag.Link{CID: dag.V1(pkg.CID), Tsize: pkg.DagSize}
	}
	var link dag.Link
	dir, err := b.Dir(packages)
	if err == nil {
		link, err = buildTop(b, p, l, dir)
	}
	if err != nil {
		return dag.Link{}, fmt.Errorf("build profile: %w", err)
	}
	return link, nil
}

func buildTop(b *dag.Builder, p *Profile, l *Lockfile, packages dag.Link) (dag.Link, error) {
	wishes, err := buildFile(b, p.Encode())
	if err != nil {
		return dag.Link{}, err
	}
	lock, err := buildFile(b, l.Encode())
	if err != nil {
		return dag.Link{}, err
	}
	return b.Dir(map[string]dag.Link{ProfileName: wishes, LockName: lock, "packages": packages})
}

// buildFile cuts a file that is never empty into raw leaves.
func buildFile(b *dag.Builder, data []byte) (dag.Link, error) {
	var leaves []dag.Leaf
	for offset := 0; offset < len(data); offset += dag.LeafSize {
		piece := data[offset:min(offset+dag.LeafSize, len(data))]
		sum, err := multihash.Sum(piece, multihash.SHA2_256, -1)
		if err != nil {
			return dag.Link{}, err
		}
		leaves = append(leaves, dag.Leaf{CID: cid.NewCidV1(cid.Raw, sum), Offset: int64(offset), Size: int64(len(piece))})
	}
	return b.File(leaves, false)
}
