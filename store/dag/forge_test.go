package dag

import (
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"testing"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// forge makes DAGs of any shape, honest or not, and is Blocks for them. asked
// counts what was asked for.
type forge struct {
	blocks map[cid.Cid][]byte
	asked  map[cid.Cid]int
	v0     bool // dag-pb CIDs of version 0
}

func newForge() *forge {
	return &forge{blocks: make(map[cid.Cid][]byte), asked: make(map[cid.Cid]int)}
}

func (f *forge) Block(_ context.Context, c cid.Cid) ([]byte, error) {
	f.asked[c]++
	if b, ok := f.blocks[c]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("block %s: %w", c, fs.ErrNotExist)
}

// put keeps a block. Its link says the truth about it.
func (f *forge) put(codec uint64, block []byte) link {
	c := sum(codec, block)
	if f.v0 && codec == cid.DagProtobuf {
		c = cid.NewCidV0(c.Hash())
	}
	f.blocks[c] = block
	return link{cid: c, tsize: uint64(len(block))}
}

func (f *forge) raw(s string) link { return f.put(cid.Raw, []byte(s)) }

func (f *forge) pb(links []link, data []byte) link {
	return f.put(cid.DagProtobuf, encodePB(links, data))
}

// encodePB encodes PBNode, links first: without what boxo's encoder refuses,
// sorts or leaves out.
func encodePB(links []link, data []byte) (b []byte) {
	for _, l := range links {
		m := appendBytes(nil, linkHash, l.cid.KeyString())
		m = appendBytes(m, linkName, l.name)
		b = appendBytes(b, pbLinks, appendVarint(m, linkTsz, l.tsize))
	}
	return appendBytes(b, pbData, data)
}

// appendBytes appends a length-delimited field; num is below 16.
func appendBytes[T string | []byte](b []byte, num uint64, v T) []byte {
	b = binary.AppendUvarint(append(b, byte(num<<3|wireBytes)), uint64(len(v)))
	return append(b, v...)
}

// node makes a node of UnixFS fields: pairs of number and value, the value a
// uint64 or a string.
func (f *forge) node(links []link, fields ...any) link { return f.pb(links, message(fields...)) }

func message(fields ...any) []byte {
	var b []byte
	for i := 0; i < len(fields); i += 2 {
		num := uint64(fields[i].(int))
		switch v := fields[i+1].(type) {
		case int:
			b = appendVarint(b, num, uint64(v))
		case uint64:
			b = appendVarint(b, num, v)
		case string:
			b = appendBytes(b, num, v)
		}
	}
	return b
}

// framed makes a dag-pb leaf.
func (f *forge) framed(kind int, s string) link {
	if s == "" {
		return f.node(nil, fsType, kind, fsSize, 0)
	}
	return f.node(nil, fsType, kind, fsData, s, fsSize, len(s))
}

// file makes a node of a file over pieces whose sizes are given.
func (f *forge) file(pieces []link, sizes ...int) link {
	fields := []any{fsType, typeFile, fsSize, 0}
	total := 0
	for _, s := range sizes {
		fields = append(fields, fsSizes, s)
		total += s
	}
	fields[3] = total
	return f.node(pieces, fields...)
}

func (f *forge) dir(entries ...link) link { return f.node(entries, fsType, typeDirectory) }

func (f *forge) symlink(target string) link {
	return f.node(nil, fsType, typeSymlink, fsData, target)
}

func (l link) built() Link { return Link{CID: l.cid, Tsize: l.tsize} }

func (l link) as(name string) link {
	l.name = name
	return l
}

// identity makes an inline CID.
func identity(codec uint64, data []byte) link {
	h, err := mh.Sum(data, mh.IDENTITY, -1)
	if err != nil {
		panic(err)
	}
	return link{cid: cid.NewCidV1(codec, h), tsize: uint64(len(data))}
}

// paths walks root and returns what was visited, in order.
func paths(t testing.TB, b Blocks, root cid.Cid, opt WalkOptions) ([]string, error) {
	t.Helper()
	var got []string
	err := Walk(context.Background(), b, root, opt, func(e *Entry) error {
		got = append(got, e.Path)
		return nil
	})
	return got, err
}
