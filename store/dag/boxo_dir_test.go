package dag_test

import (
	"cmp"
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ipp/store/dag"

	mdag "github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	mh "github.com/multiformats/go-multihash"
	"github.com/spaolacci/murmur3"
)

// stub is a node of which only CID and size are known.
type stub struct {
	ipld.Node
	c    cid.Cid
	size uint64
}

func (s stub) Cid() cid.Cid          { return s.c }
func (s stub) Size() (uint64, error) { return s.size, nil }
func (s stub) RawData() []byte       { return nil }

// sameDir builds one directory twice: with all entries known, and as boxo is
// used elsewhere, entry by entry in any order.
func sameDir(t *testing.T, entries map[string]dag.Link) {
	t.Helper()
	b := dag.NewBuilder()
	ours, err := b.Dir(entries)
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDir(newMemory())
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range entries {
		if err := d.AddChild(context.Background(), name, stub{c: l.CID, size: l.Tsize}); err != nil {
			t.Fatal(err)
		}
	}
	nd, err := d.GetNode()
	if err != nil {
		t.Fatal(err)
	}
	size, err := nd.Size()
	if err != nil {
		t.Fatal(err)
	}
	if ours.CID != nd.Cid() || ours.Tsize != size {
		t.Errorf("%d entries: we make %s of %d bytes, boxo %s of %d", len(entries), ours.CID, ours.Tsize, nd.Cid(), size)
	}
	block, err := b.Block(context.Background(), ours.CID)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := dag.CumulativeSize(ours.CID, block); err != nil || n != size {
		t.Errorf("cumulative size %d, %v; boxo says %d", n, err, size)
	}
}

// TestBoxoDirs: random directories, with links to anything.
func TestBoxoDirs(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 3, 17, 300, 1500, 3000, 6000, 20000} {
		entries := make(map[string]dag.Link, n)
		for len(entries) < n {
			entries[randomName(rnd)] = randomLink(rnd)
		}
		sameDir(t, entries)
	}
}

// TestBoxoDirThreshold: blocks of exactly 256 KiB, and around it.
func TestBoxoDirThreshold(t *testing.T) {
	t.Parallel()
	c := randomLink(rand.New(rand.NewPCG(3, 4))).CID
	link := dag.Link{CID: cid.NewCidV1(cid.Raw, c.Hash()), Tsize: 1000}
	for pad := 7; pad <= 10; pad++ { // with 8 the block has 262,144 bytes, the most
		entries := make(map[string]dag.Link)
		for i := range 4680 {
			entries[fmt.Sprintf("entry-%05d", i)] = link
		}
		entries["z"+strings.Repeat("z", 6+pad)] = link
		sameDir(t, entries)
	}
}

func randomName(rnd *rand.Rand) string {
	letters := []rune("abcdefghijklmnopqrstuvwxyz0123456789-_.äé日本🎈")
	for {
		name := make([]rune, 1+rnd.IntN(60))
		for i := range name {
			name[i] = letters[rnd.IntN(len(letters))]
		}
		if s := string(name); s != "." && s != ".." {
			return s
		}
	}
}

func randomLink(rnd *rand.Rand) dag.Link {
	sum := fmt.Append(nil, rnd.Uint64())
	h, err := mh.Sum(sum, mh.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	c := cid.NewCidV1(cid.Raw, h)
	switch rnd.IntN(3) {
	case 0:
		c = cid.NewCidV0(h)
	case 1:
		c = mdag.NewRawNode(sum).Cid()
	}
	return dag.Link{CID: c, Tsize: rnd.Uint64N(1 << (1 + rnd.IntN(40)))}
}

// TestBoxoDeepHAMT: names whose hashes agree in many bits, so that shards stand
// below shards.
func TestBoxoDeepHAMT(t *testing.T) {
	type named struct {
		hash uint64
		name string
	}
	all := make([]named, 400_000)
	for i := range all {
		name := fmt.Sprint("name-", i)
		all[i] = named{murmur3.Sum64([]byte(name)), name}
	}
	slices.SortFunc(all, func(a, b named) int { return cmp.Compare(a.hash, b.hash) })
	entries := make(map[string]dag.Link)
	rnd := rand.New(rand.NewPCG(5, 6))
	deep := 0
	for i := range all[1:] {
		agree := bits.LeadingZeros64(all[i].hash ^ all[i+1].hash)
		if agree < 22 && i%200 != 0 {
			continue
		}
		deep = max(deep, agree)
		entries[all[i].name], entries[all[i+1].name] = randomLink(rnd), randomLink(rnd)
	}
	if deep < 32 || len(entries) < 6000 {
		t.Fatalf("%d names, which agree in %d bits at most", len(entries), deep)
	}
	sameDir(t, entries)
}
