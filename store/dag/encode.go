package dag

import (
	"encoding/binary"
	"math/bits"
)

const execMode = 0o755 // of an executable

// dirData is the UnixFS message of a directory that is one block.
const dirData = "\x08\x01"

// fileData is the UnixFS message of a file's node over parts, of that size
// together.
func fileData(parts []part, size uint64, exec bool) string {
	b := appendVarint(appendVarint(nil, fsType, typeFile), fsSize, size)
	for _, p := range parts {
		b = appendVarint(b, fsSizes, p.size)
	}
	if exec {
		b = appendVarint(b, fsMode, execMode)
	}
	return string(b)
}

// symlinkData is the UnixFS message of a symlink.
func symlinkData(target string) string {
	b := appendVarint(nil, fsType, typeSymlink)
	b = binary.AppendUvarint(append(b, fsData<<3|wireBytes), uint64(len(target)))
	return string(append(b, target...))
}

// shardData is the UnixFS message of a shard; its bit field has no leading zeros.
func shardData(field []byte, fanout uint64) string {
	for len(field) > 0 && field[0] == 0 {
		field = field[1:]
	}
	b := appendVarint(nil, fsType, typeHAMTShard)
	b = binary.AppendUvarint(append(b, fsData<<3|wireBytes), uint64(len(field)))
	b = appendVarint(append(b, field...), fsHash, murmur3x64)
	return string(appendVarint(b, fsFanout, fanout))
}

// appendLink appends a link of dag-pb (DAG-PB specification, PBLink): all three
// fields, in their order.
func appendLink(b []byte, slot, name string, l Link) []byte {
	c := l.CID.KeyString()
	b = append(b, pbLinks<<3|wireBytes)
	b = binary.AppendUvarint(b, uint64(linkBody(len(slot)+len(name), l)))
	b = binary.AppendUvarint(append(b, linkHash<<3|wireBytes), uint64(len(c)))
	b = append(b, c...)
	b = binary.AppendUvarint(append(b, linkName<<3|wireBytes), uint64(len(slot)+len(name)))
	b = append(append(b, slot...), name...)
	return appendVarint(b, linkTsz, l.Tsize)
}

func linkBody(name int, l Link) int {
	c := l.CID.ByteLen()
	return 3 + varintSize(uint64(c)) + c + varintSize(uint64(name)) + name + varintSize(l.Tsize)
}

// linkSize is what appendLink appends.
func linkSize(name int, l Link) int {
	n := linkBody(name, l)
	return 1 + varintSize(uint64(n)) + n
}

func varintSize(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// appendData appends the UnixFS message, which stands after the links.
func appendData(b []byte, data string) []byte {
	b = binary.AppendUvarint(append(b, pbData<<3|wireBytes), uint64(len(data)))
	return append(b, data...)
}
