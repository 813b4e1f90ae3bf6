//go:build linux

package hostile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// TestArchives: CAR files of either version, cut, forged and mislabelled.
func TestArchives(t *testing.T) {
	t.Parallel()
	sound := func(f *forge) ([]byte, link) {
		root := f.pkg()
		return f.car1(root), root
	}
	cut := func(n int) func(f *forge) []byte {
		return func(f *forge) []byte { b, _ := sound(f); return b[:n] }
	}
	with := func(more ...byte) func(f *forge) []byte {
		return func(f *forge) []byte { b, _ := sound(f); return append(b, more...) }
	}
	v2 := func(offset, size, index uint64) func(f *forge) []byte {
		return func(f *forge) []byte { b, _ := sound(f); return car2(b, offset, size, index) }
	}
	header := func(h ...byte) func(f *forge) []byte {
		return func(f *forge) []byte { return append(binary.AppendUvarint(nil, uint64(len(h))), h...) }
	}
	replace := func(old, new string) func(f *forge) []byte {
		return func(f *forge) []byte { b, _ := sound(f); return bytes.ReplaceAll(b, []byte(old), []byte(new)) }
	}
	try(t, "archives", []attack{
		{name: "empty", car: func(*forge) []byte { return nil }},
		{name: "one byte", car: cut(1)},
		{name: "half a header", car: cut(30)},
		{name: "a header and no blocks", car: cut(59)},
		{name: "half a block", car: cut(120)},
		{name: "a varint without end", car: with(slices.Repeat([]byte{0xff}, 11)...)},
		{name: "a section of 2^63 bytes", car: with(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)},
		{name: "a section of no bytes", car: with(0)},
		{name: "zeros at the end", car: with(make([]byte, 512)...)},
		{name: "a section shorter than its CID", car: with(4, 1, 0x55, 0x12, 0x20)},
		{name: "a section that is no CID", car: with(3, 9, 9, 9)},
		{name: "a version 2 whose blocks begin after the file", car: v2(1<<40, 100, 0)},
		{name: "a version 2 whose blocks end after the file", car: v2(51, 1<<40, 0)},
		{name: "a version 2 whose sizes overflow", car: v2(1<<63, 1<<63, 1<<63)},
		{name: "a version 2 of no blocks", car: v2(51, 0, 0)},
		{name: "a version 2 around its own header", car: v2(0, 1000, 0)},
		{name: "a version 2 in a version 2", car: func(f *forge) []byte {
			b, _ := sound(f)
			inner := car2(b, 51, uint64(len(b)), 0)
			return car2(inner, 51, uint64(len(inner)), 0)
		}},
		{name: "a version 2 with an index that lies", car: func(f *forge) []byte {
			b, _ := sound(f)
			return append(car2(b, 51, uint64(len(b)), 51+uint64(len(b))), bytes.Repeat([]byte{0x80, 8, 0xff}, 100)...)
		}},
		{name: "version 3", car: replace("version\x01", "version\x03")},
		{name: "no version", car: replace("version\x01", "versiom\x01")},
		{name: "a header that is no map", car: header(0x80)},
		{name: "a header of maps in maps", car: header(bytes.Repeat([]byte{0xa1, 0x61, 'a'}, 20_000)...)},
		{name: "a header of arrays in arrays", car: header(bytes.Repeat([]byte{0x81}, 60_000)...)},
		{name: "a header of an array of 2^32", car: header(append([]byte{0xa2, 0x65}, "roots\x9a\xff\xff\xff\xff"...)...)},
		{name: "a header of an array of 2^63", car: header(append([]byte{0xa2, 0x65}, "roots\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"...)...)},
		{name: "a header of a string of 2^40", car: header(append([]byte{0xa2}, "\x7b\x00\x00\x01\x00\x00\x00\x00\x00"...)...)},
		{name: "a header of 2^40 bytes", car: func(*forge) []byte { return append(binary.AppendUvarint(nil, 1<<40), make([]byte, 100)...) }},
		{name: "a header without end", car: header(append([]byte{0xbf, 0x65}, "roots\x9f"...)...)},
		{name: "a header with roots twice", car: header(append([]byte{0xa3, 0x65}, "roots\x80\x65roots\x80\x67version\x01"...)...)},
		{name: "no root", car: func(f *forge) []byte { f.pkg(); return f.car1() }},
		{name: "two roots", car: func(f *forge) []byte { r := f.pkg(); return f.car1(r, f.raw("x")) }},
		{name: "1,500 roots", car: func(f *forge) []byte { return f.car1(slices.Repeat([]link{f.pkg()}, 1500)...) }},
		{name: "a million roots", car: func(f *forge) []byte { return f.car1(slices.Repeat([]link{f.pkg()}, 1_000_000)...) }},
		{name: "a root that is not there", car: func(f *forge) []byte { f.pkg(); return f.car1(newForge().raw("x")) }},
		{name: "a directory that is not there", car: func(f *forge) []byte {
			return f.car1(f.pkg(newForge().dir().as("share")))
		}},
		{name: "a file that is not there", grows: "staging/", car: func(f *forge) []byte { return f.car1(f.pkg(newForge().raw("x").as("share"))) }},
		{name: "a million empty blocks", memory: 96 << 20, car: func(f *forge) []byte {
			b, _ := sound(f)
			return append(b, bytes.Repeat([]byte{4, 1, 0x55, 0, 0}, 1_000_000)...)
		}},
		{name: "a pipe's worth of random bytes", car: func(*forge) []byte { return bytes.Repeat([]byte("\x3a\xa2ero\x00\xff"), 9000) }},
	})
}

// TestBlocks: a block is what its CID says, or nothing is made of it.
func TestBlocks(t *testing.T) {
	t.Parallel()
	x := func(f *forge, c cid.Cid, block string) link { return f.putAs(c, []byte(block)).as("share") }
	hashed := func(code uint64, length int) func(f *forge) link {
		return func(f *forge) link {
			h, err := mh.Sum([]byte("x"), code, length)
			if err != nil {
				panic(err)
			}
			return f.pkg(x(f, cid.NewCidV1(cid.Raw, h), "x"))
		}
	}
	coded := func(codec uint64) func(f *forge) link {
		return func(f *forge) link { return f.pkg(f.put(codec, []byte("\xa0")).as("share")) }
	}
	try(t, "blocks", []attack{
		{name: "a leaf of other contents", root: func(f *forge) link { return f.pkg(x(f, sum(cid.Raw, []byte("x")), "y")) }},
		{name: "a directory of other contents", root: func(f *forge) link {
			return f.pkg(x(f, sum(cid.DagProtobuf, []byte("x")), string(encode(nil, message(fType, tDir)))))
		}},
		{name: "a root of other contents", root: func(f *forge) link {
			return f.putAs(sum(cid.DagProtobuf, []byte("x")), encode(nil, message(fType, tDir)))
		}},
		{name: "a package.toml of other contents", root: func(f *forge) link {
			return f.dir(f.putAs(sum(cid.Raw, []byte("x")), []byte(metadata())).as("package.toml"))
		}},
		{name: "one CID with two contents, the false one first", car: func(f *forge) []byte { return twice(f, "false", "x") }},
		{name: "one CID with two contents, the true one first", car: func(f *forge) []byte { return twice(f, "x", "false") }},
		{name: "hashed with sha1", root: hashed(mh.SHA1, -1)},
		{name: "hashed with md5", root: hashed(mh.MD5, -1)},
		{name: "hashed with murmur3", root: hashed(mh.MURMUR3X64_64, -1)},
		{name: "hashed with half of sha2-256", root: hashed(mh.SHA2_256, 16)},
		{name: "hashed with a byte of blake2b", root: hashed(mh.BLAKE2B_MIN, -1)},
		{name: "hashed with sha2-512", root: hashed(mh.SHA2_512, -1)},
		{name: "hashed with a hash of a length that lies", root: func(f *forge) link {
			return f.pkg(x(f, sum(cid.Raw, []byte("x")), "x"), link{cid: rawCID("\x01\x55\x12\x10" + strings.Repeat("x", 16)), name: "l"})
		}},
		{name: "hashed with an unknown hash", root: func(f *forge) link {
			return f.pkg(x(f, rawCID("\x01\x55\xff\x7f\x20"+strings.Repeat("x", 32)), "x"))
		}},
		{name: "dag-cbor", root: coded(cid.DagCBOR)},
		{name: "dag-json", root: coded(cid.DagJSON)},
		{name: "git", root: coded(cid.GitRaw)},
		{name: "a dag-cbor root", root: func(f *forge) link { return f.put(cid.DagCBOR, []byte("\xa0")) }},
		{name: "a raw root", root: func(f *forge) link { return f.raw("x") }},
		{name: "a root that is a file", root: func(f *forge) link { return f.exec("x", 0o755) }},
		{name: "a root of no bytes", root: func(f *forge) link { return f.put(cid.DagProtobuf, nil) }},
		{name: "a directory that is called raw", root: func(f *forge) link {
			d := f.dir(f.raw("x").as("x"))
			return f.pkg(f.putAs(cid.NewCidV1(cid.Raw, d.cid.Hash()), f.blocks[d.cid]).as("share"))
		}},
		{name: "a file that is called a directory", root: func(f *forge) link { return f.pkg(f.put(cid.DagProtobuf, []byte("hello")).as("share")) }},
		{name: "an inline root", grows: "trees/", root: func(f *forge) link { return inline(cid.DagProtobuf, encode(nil, message(fType, tDir))) }},
		{name: "an inline root of 20,000 bytes", root: func(f *forge) link { return inline(cid.DagProtobuf, make([]byte, 20_000)) }},
	})
}

func rawCID(b string) cid.Cid {
	c, err := cid.Cast([]byte(b))
	if err != nil {
		panic(err)
	}
	return c
}

// twice is a package whose leaf "x" is in the archive twice.
func twice(f *forge, blocks ...string) []byte {
	x := f.raw("x")
	root := f.pkg(x.as("share"))
	b := carHeader(root)
	for _, c := range f.order {
		if c != x.cid {
			b = section(b, c, f.blocks[c])
		}
	}
	for _, block := range blocks {
		b = section(b, x.cid, []byte(block))
	}
	return b
}

// TestNodes: dag-pb and UnixFS that a lax reader takes, and others can't.
func TestNodes(t *testing.T) {
	t.Parallel()
	at := func(name string, make func(f *forge) link) attack {
		return attack{name: name, root: func(f *forge) link { return f.pkg(make(f).as("share")) }}
	}
	pb := func(name string, parts ...[]byte) attack {
		return at(name, func(f *forge) link { return f.put(cid.DagProtobuf, bytes.Join(parts, nil)) })
	}
	dir := appendBytes(nil, 1, message(fType, tDir))
	l := encode([]link{newForge().raw("x").as("x")}, nil)
	l = l[:len(l)-2] // without the empty Data
	try(t, "nodes", []attack{
		pb("a varint cut short", []byte{0x0a, 0x80}),
		pb("a varint of 11 bytes", []byte{0x0a}, bytes.Repeat([]byte{0xff}, 11)),
		pb("a length beyond the block", []byte{0x0a, 0x7f, 8, 1}),
		pb("a length that is negative", []byte{0x0a}, binary.AppendUvarint(nil, 1<<63), []byte{8, 1}),
		pb("Data twice", dir, dir),
		pb("links in two places", l, dir, l),
		pb("an unknown field", dir, []byte{0x1a, 0}),
		pb("a group", dir, []byte{0x0b, 0x0c}),
		pb("no Data", l),
		at("no type", func(f *forge) link { return f.node(nil, fSize, 0) }),
		at("two types", func(f *forge) link { return f.node(nil, fType, tFile, fType, tDir) }),
		at("type 3, metadata", func(f *forge) link { return f.node(nil, fType, tMetadata, fData, "x") }),
		at("type 6, which a device could be", func(f *forge) link { return f.node(nil, fType, 6) }),
		at("type 2^32+1", func(f *forge) link { return f.node(nil, fType, uint64(1<<32+1)) }),
		at("a directory with contents", func(f *forge) link { return f.node(nil, fType, tDir, fData, "x") }),
		at("a directory in a file", func(f *forge) link { return f.file([]link{f.dir()}, 0) }),
		at("a symlink in a file", func(f *forge) link { return f.file([]link{f.symlink("x")}, 0) }),
		at("a link without a CID", func(f *forge) link { return f.put(cid.DagProtobuf, append([]byte{0x12, 3, 0x12, 1, 'a'}, dir...)) }),
		at("a link with half a CID", func(f *forge) link {
			return f.put(cid.DagProtobuf, append([]byte{0x12, 7, 0x0a, 2, 1, 0x55, 0x12, 1, 'a'}, dir...))
		}),
		at("half a million links", func(f *forge) link {
			return f.put(cid.DagProtobuf, append(bytes.Repeat([]byte{0x12, 0}, 500_000), dir...))
		}),
	})
}

// TestHAMTs: a directory that is spread over shards has no entry that a lookup
// does not find, no shard twice, no cycle and no bottom out of sight.
func TestHAMTs(t *testing.T) {
	t.Parallel()
	at := func(name string, make func(f *forge) link) attack {
		return attack{name: name, root: func(f *forge) link { return f.pkg(make(f).as("share")) }}
	}
	own := func(f *forge, name string) link { return f.raw("x").as(slot(name) + name) }
	shard := func(f *forge, links []link, fields ...any) link {
		return f.node(links, append([]any{fType, tHAMT}, fields...)...)
	}
	try(t, "hamts", []attack{
		at("an entry in the wrong slot", func(f *forge) link { return f.shard(f.raw("x").as("00a")) }),
		at("an entry twice", func(f *forge) link { return f.shard(own(f, "a"), own(f, "a")) }),
		at("an entry in a shard and beside it", func(f *forge) link {
			inner := f.hamt([]link{f.raw("x").as("a"), f.raw("y").as("b")})
			return f.shard(own(f, "a"), inner.as(slot("b")))
		}),
		at("slots out of order", func(f *forge) link {
			a, b := own(f, "a"), own(f, "b")
			if a.name < b.name {
				a, b = b, a
			}
			return f.shard(a, b)
		}),
		at("a slot in lower case", func(f *forge) link { return f.shard(f.raw("x").as("0aa")) }),
		at("a slot that is no number", func(f *forge) link { return f.shard(f.raw("x").as("zza")) }),
		at("a name of one byte", func(f *forge) link { return f.shard(f.raw("x").as("0")) }),
		at("a bit field that says more", func(f *forge) link {
			return shard(f, []link{own(f, "a")}, fData, strings.Repeat("\xff", 32), fHash, murmur, fFanout, 256)
		}),
		at("a bit field of a kilobyte", func(f *forge) link {
			return shard(f, nil, fData, strings.Repeat("\x00", 1024), fHash, murmur, fFanout, 256)
		}),
		at("no fanout", func(f *forge) link { return shard(f, nil, fHash, murmur) }),
		at("a fanout of 0", func(f *forge) link { return shard(f, nil, fHash, murmur, fFanout, 0) }),
		at("a fanout of 1", func(f *forge) link { return shard(f, nil, fHash, murmur, fFanout, 1) }),
		at("a fanout of 100", func(f *forge) link { return shard(f, nil, fHash, murmur, fFanout, 100) }),
		at("a fanout of 2^31", func(f *forge) link { return shard(f, nil, fHash, murmur, fFanout, 1<<31) }),
		at("a fanout of 2^63", func(f *forge) link { return shard(f, nil, fHash, murmur, fFanout, uint64(1<<63)) }),
		at("another hash", func(f *forge) link { return shard(f, nil, fHash, 0x12, fFanout, 256) }),
		at("an empty shard below", func(f *forge) link { return f.shard(f.shard().as("00")) }),
		at("a shard of another fanout below", func(f *forge) link { return f.shard(f.shardOf(16, f.raw("x").as("0a")).as("00")) }),
		at("a directory instead of a shard", func(f *forge) link { return f.shard(f.dir(f.raw("x").as("x")).as("00")) }),
		at("a leaf instead of a shard", func(f *forge) link { return f.shard(f.raw("x").as("00")) }),
		at("shards as deep as they go", func(f *forge) link {
			s := f.shard(f.raw("x").as("00a"))
			for range 1000 {
				s = f.shard(s.as("00"))
			}
			return s
		}),
		at("an inline shard in each slot", func(f *forge) link {
			var links []link
			in := inline(cid.DagProtobuf, encode([]link{inline(cid.Raw, nil).as("00a")}, message(fType, tHAMT, fData, "\x01", fHash, murmur, fFanout, 256)))
			for i := range 256 {
				links = append(links, in.as(fmt.Sprintf("%02X", i)))
			}
			return f.shard(links...)
		}),
	})
}

// TestTwins: two names that are one on some file system are refused, plain or in
// a HAMT; names that only look alike are two.
func TestTwins(t *testing.T) {
	t.Parallel()
	var all []attack
	for _, pair := range [][2]string{
		{"a", "a"}, {"a", "A"}, {"é", "e\u0301"}, {"É", "e\u0301"}, {"ß", "SS"}, {"ſ", "s"}, {"K", "k"}, {"Å", "å"},
		{"ﬁ", "fi"}, {"Σ", "ς"}, {"a", "a\u200d"}, {"a", "a\u00ad"}, {"a", "\ufeffa"}, {"a", "a\ufe0f"}, {"\u1e9e", "ss"},
		{"ά", "\u1f71"}, {"가", "\u1100\u1161"},
	} {
		all = append(all,
			attack{name: fmt.Sprintf("%+q", pair), root: func(f *forge) link {
				return f.pkg(f.dir(f.raw("x").as(pair[0]), f.raw("y").as(pair[1])).as("share"))
			}})
		if pair[0] != pair[1] {
			all = append(all, attack{name: fmt.Sprintf("%+q in a HAMT", pair), root: func(f *forge) link {
				return f.pkg(f.hamt([]link{f.raw("x").as(pair[0]), f.raw("y").as(pair[1])}).as("share"))
			}})
		}
	}
	all = append(all,
		attack{name: "package.toml and PACKAGE.TOML", root: func(f *forge) link {
			return f.pkg(f.raw(metadata("summary = \"another\"\n")).as("PACKAGE.TOML"))
		}},
		attack{name: "package.toml twice", root: func(f *forge) link { return f.pkg(f.raw(metadata("summary = \"another\"\n")).as("package.toml")) }},
		attack{name: "a directory and a symlink of one name", root: func(f *forge) link {
			return f.pkg(f.dir().as("share"), f.symlink("bin").as("Share"))
		}},
		attack{name: "letters that only look alike", root: func(f *forge) link {
			return f.pkg(f.dir(f.raw("x").as("a"), f.raw("y").as("а")).as("share")) // the second is Cyrillic
		}},
	)
	try(t, "twins", all)
}
