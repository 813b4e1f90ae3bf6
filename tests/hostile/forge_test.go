//go:build linux

package hostile

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
	"github.com/spaolacci/murmur3"
)

// UnixFS' types, and its fields: type, data, filesize, blocksizes, hashType,
// fanout, mode (UnixFS specification, "Data").
const (
	tRaw, tDir, tFile, tMetadata, tSymlink, tHAMT         = 0, 1, 2, 3, 4, 5
	fType, fData, fSize, fSizes, fHash, fFanout, fMode, _ = 1, 2, 3, 4, 5, 6, 7, 8
)

const fUnknown = 9 // to UnixFS

const murmur = 0x22 // of a HAMT's names

// forge makes blocks, honest or not. Nothing of boxo is in it, nor of ours: both
// would refuse, sort or mend.
type forge struct {
	order  []cid.Cid
	blocks map[cid.Cid][]byte
}

// link is a reference: to what, under which name, and what it claims of it.
type link struct {
	cid   cid.Cid
	name  string
	tsize uint64
}

func (l link) as(name string) link {
	l.name = name
	return l
}

func (l link) claims(tsize uint64) link {
	l.tsize = tsize
	return l
}

func newForge() *forge { return &forge{blocks: map[cid.Cid][]byte{}} }

func sum(codec uint64, block []byte) cid.Cid { return sumAs(codec, mh.SHA2_256, block) }

func sumAs(codec, hash uint64, block []byte) cid.Cid {
	h, err := mh.Sum(block, hash, -1)
	if err != nil {
		panic(err)
	}
	return cid.NewCidV1(codec, h)
}

// put keeps a block under its true CID.
func (f *forge) put(codec uint64, block []byte) link { return f.putAs(sum(codec, block), block) }

// putAs keeps a block under any CID.
func (f *forge) putAs(c cid.Cid, block []byte) link {
	if _, ok := f.blocks[c]; !ok {
		f.order = append(f.order, c)
	}
	f.blocks[c] = block
	return link{cid: c, tsize: uint64(len(block))}
}

func (f *forge) raw(text string) link { return f.put(cid.Raw, []byte(text)) }

// inline makes an identity CID.
func inline(codec uint64, data []byte) link {
	return link{cid: sumAs(codec, mh.IDENTITY, data), tsize: uint64(len(data))}
}

// node makes a dag-pb node of UnixFS fields: pairs of a number and a value, an
// int, a uint64 or a string.
func (f *forge) node(links []link, fields ...any) link {
	return f.put(cid.DagProtobuf, encode(links, message(fields...)))
}

func (f *forge) dir(entries ...link) link { return f.node(entries, fType, tDir) }

func (f *forge) symlink(target string) link { return f.node(nil, fType, tSymlink, fData, target) }

// exec makes a small file with a mode.
func (f *forge) exec(text string, mode int) link {
	return f.node(nil, fType, tFile, fData, text, fSize, len(text), fMode, mode)
}

// file makes a node of a file over pieces, with what it says of their sizes.
func (f *forge) file(pieces []link, sizes ...uint64) link {
	fields, total := []any{fType, tFile, fSize, uint64(0)}, uint64(0)
	for _, s := range sizes {
		fields = append(fields, fSizes, s)
		total += s
	}
	fields[3] = total
	return f.node(pieces, fields...)
}

// encode is PBNode: links first, as they come.
func encode(links []link, data []byte) (b []byte) {
	for _, l := range links {
		m := appendBytes(nil, 1, l.cid.KeyString())
		m = appendBytes(m, 2, l.name)
		b = appendBytes(b, 2, appendVarint(m, 3, l.tsize))
	}
	return appendBytes(b, 1, data)
}

func message(fields ...any) (b []byte) {
	for i := 0; i < len(fields); i += 2 {
		num := fields[i].(int)
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

func appendVarint(b []byte, num int, v uint64) []byte {
	return binary.AppendUvarint(append(b, byte(num<<3)), v)
}

func appendBytes[T string | []byte](b []byte, num int, v T) []byte {
	b = binary.AppendUvarint(append(b, byte(num<<3|2)), uint64(len(v)))
	return append(b, v...)
}

// shard makes a shard of a HAMT of fanout 256; its links are named already.
func (f *forge) shard(links ...link) link { return f.shardOf(256, links...) }

func (f *forge) shardOf(fanout int, links ...link) link {
	field := make([]byte, fanout/8)
	for _, l := range links {
		var slot int
		fmt.Sscanf(l.name[:min(2, len(l.name))], "%X", &slot)
		field[len(field)-1-slot/8] |= 1 << (slot % 8)
	}
	return f.node(links, fType, tHAMT, fData, string(trimZeros(field)), fHash, murmur, fFanout, fanout)
}

func trimZeros(b []byte) []byte {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	return b
}

// hamt makes a sound HAMT of the entries.
func (f *forge) hamt(entries []link) link { return f.hamtAt(entries, 0) }

func (f *forge) hamtAt(entries []link, level int) link {
	slots := map[int][]link{}
	for _, e := range entries {
		s := int(murmur3.Sum64([]byte(e.name)) >> (56 - 8*level) & 255)
		slots[s] = append(slots[s], e)
	}
	var links []link
	for s := range 256 {
		switch in := slots[s]; len(in) {
		case 0:
		case 1:
			links = append(links, in[0].as(fmt.Sprintf("%02X%s", s, in[0].name)))
		default:
			links = append(links, f.hamtAt(in, level+1).as(fmt.Sprintf("%02X", s)))
		}
	}
	return f.shard(links...)
}

// slot is the prefix of a name in a HAMT's root.
func slot(name string) string { return fmt.Sprintf("%02X", murmur3.Sum64([]byte(name))>>56) }

// slotBit is the bit field of a shard of fanout 256 that has this name alone.
func slotBit(name string) string {
	slot := murmur3.Sum64([]byte(name)) >> 56
	field := make([]byte, 1+slot/8)
	field[0] = 1 << (slot % 8)
	return string(field)
}

// fat is what fills a block, each time another.
func fat(i int) string { return fmt.Sprint(i) + strings.Repeat("x", 2<<20-1000) }

// metadata is a package.toml that nothing is wrong with, and what else it says.
func metadata(more ...string) string {
	return "format = 1\nname = \"evil\"\nversion = \"1.0.0\"\n" + strings.Join(more, "")
}

// pkg makes a package: package.toml, bin/evil, and the entries.
func (f *forge) pkg(entries ...link) link { return f.pkgWith(metadata(), entries...) }

func (f *forge) pkgWith(toml string, entries ...link) link {
	own := []link{f.raw(toml).as("package.toml")}
	if !slices.ContainsFunc(entries, func(l link) bool { return l.name == "bin" }) {
		own = append(own, f.dir(f.exec("#!/bin/sh\necho evil\n", 0o755).as("evil")).as("bin"))
	}
	return f.dir(append(own, entries...)...)
}

// car1 is a CAR of version 1 of everything that was made.
func (f *forge) car1(roots ...link) []byte {
	b := carHeader(roots...)
	for _, c := range f.order {
		b = section(b, c, f.blocks[c])
	}
	return b
}

// carHeader is DAG-CBOR of {"roots": [CIDs], "version": 1}.
func carHeader(roots ...link) []byte {
	h := append([]byte{0xa2, 0x65}, "roots"...)
	h = cborHead(h, 4, len(roots))
	for _, r := range roots {
		h = append(h, 0xd8, 0x2a)
		h = cborHead(h, 2, 1+r.cid.ByteLen())
		h = append(append(h, 0), r.cid.Bytes()...)
	}
	h = append(append(h, 0x67), "version\x01"...)
	return append(binary.AppendUvarint(nil, uint64(len(h))), h...)
}

// cborHead is the head of a CBOR item (RFC 8949, section 3).
func cborHead(b []byte, major byte, n int) []byte {
	switch {
	case n < 24:
		return append(b, major<<5|byte(n))
	case bits.Len(uint(n)) <= 8:
		return append(b, major<<5|24, byte(n))
	case bits.Len(uint(n)) <= 16:
		return binary.BigEndian.AppendUint16(append(b, major<<5|25), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, major<<5|26), uint32(n))
}

func section(b []byte, c cid.Cid, block []byte) []byte {
	b = binary.AppendUvarint(b, uint64(c.ByteLen()+len(block)))
	return append(append(b, c.Bytes()...), block...)
}

// car2 wraps blocks into version 2, with a header that says anything.
func car2(inner []byte, offset, size, index uint64) []byte {
	b := append([]byte{0x0a, 0xa1, 0x67}, "version\x02"...)
	b = append(b, make([]byte, 16)...) // characteristics
	for _, v := range []uint64{offset, size, index} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return append(b, inner...)
}
