package dag

import (
	"errors"
	"fmt"
	"math"

	"github.com/ipfs/go-cid"
)

// UnixFS' types of nodes (UnixFS specification, "Data").
const (
	typeRaw       = 0
	typeDirectory = 1
	typeFile      = 2
	typeMetadata  = 3
	typeSymlink   = 4
	typeHAMTShard = 5
)

// Fields of dag-pb's PBNode and PBLink, and of UnixFS' Data.
const (
	pbData, pbLinks             = 1, 2
	linkHash, linkName, linkTsz = 1, 2, 3
	fsType, fsData, fsSize      = 1, 2, 3
	fsSizes, fsHash, fsFanout   = 4, 5, 6
	fsMode, fsMtime             = 7, 8
)

// link is a reference from one dag-pb node to another.
type link struct {
	cid   cid.Cid
	name  string
	tsize uint64 // as the writer says: not to be trusted
}

// unixfs is the UnixFS part of a node.
type unixfs struct {
	kind             uint64
	data             []byte // a part of the block
	size             uint64
	sizes            []uint64
	hashType, fanout uint64
	mode             uint64
}

// node is a decoded dag-pb block.
type node struct {
	cid   cid.Cid
	block []byte
	links []link
	unixfs
}

func (n *node) isFile() bool { return n.kind == typeFile || n.kind == typeRaw }

// decodeNode decodes the dag-pb block of c with UnixFS in it.
func decodeNode(path string, c cid.Cid, block []byte) (*node, error) {
	n := &node{cid: c, block: block}
	fsBytes, links, err := decodePB(block)
	if err == nil && fsBytes == nil {
		err = errors.New("no UnixFS data in it")
	}
	if err == nil {
		n.links = links
		n.unixfs, err = decodeUnixFS(fsBytes, len(links))
	}
	if n.isFile() { // names mean nothing in it
		for i := range n.links {
			n.links[i].name = ""
		}
	}
	if err != nil {
		return nil, &FormatError{Path: path, CID: c, Why: err.Error()}
	}
	return n, nil
}

// decodePB decodes PBNode as strictly as the DAG-PB specification asks of
// readers: Data and Links in either order, each in one piece, nothing else.
// data is nil where there is none.
func decodePB(block []byte) (data []byte, links []link, err error) {
	links = make([]link, 0, countLinks(block))
	var prev uint64
	for msg := block; len(msg) > 0; {
		var f field
		if f, msg, err = next(msg); err != nil {
			return nil, nil, fmt.Errorf("dag-pb: %w", err)
		}
		switch {
		case f.typ != wireBytes || f.num != pbData && f.num != pbLinks:
			return nil, nil, fmt.Errorf("dag-pb: field %d of type %d is unknown", f.num, f.typ)
		case f.num == pbData && data != nil:
			return nil, nil, errors.New("dag-pb: Data stands twice")
		case f.num == pbData:
			data = f.data
		case len(links) > 0 && prev != pbLinks:
			return nil, nil, errors.New("dag-pb: Links stand in two places")
		default:
			l, err := decodeLink(f.data)
			if err != nil {
				return nil, nil, fmt.Errorf("dag-pb link %d: %w", len(links), err)
			}
			links = append(links, l)
		}
		prev = f.num
	}
	return data, links, nil
}

// countLinks counts the links of a block, at most: it stops where the block is
// malformed.
func countLinks(block []byte) int {
	n := 0
	for len(block) > 0 {
		f, rest, err := next(block)
		if err != nil {
			break
		}
		if f.num == pbLinks {
			n++
		}
		block = rest
	}
	return n
}

func decodeLink(msg []byte) (l link, err error) {
	var prev uint64
	for len(msg) > 0 {
		var f field
		if f, msg, err = next(msg); err != nil {
			return l, err
		}
		if f.num <= prev {
			return l, errors.New("fields repeat or are out of order")
		}
		prev = f.num
		switch {
		case f.num == linkHash && f.typ == wireBytes:
			// Cast, unlike CidFromBytes, refuses bytes after the CID.
			if l.cid, err = cid.Cast(f.data); err != nil {
				return l, fmt.Errorf("malformed CID: %w", err)
			}
		case f.num == linkName && f.typ == wireBytes:
			l.name = string(f.data)
		case f.num == linkTsz && f.typ == wireVarint:
			l.tsize = f.val
		default:
			return l, fmt.Errorf("field %d of type %d is unknown", f.num, f.typ)
		}
	}
	if !l.cid.Defined() {
		return l, errors.New("no CID")
	}
	return l, nil
}

// decodeUnixFS decodes Data. Unknown fields are skipped, as protobuf's readers
// do; repeats, of which readers would take the last or the first, are refused.
// A file has as many sizes as links.
func decodeUnixFS(msg []byte, links int) (u unixfs, err error) {
	var seen uint64
	u.sizes = make([]uint64, 0, min(links, len(msg)/2))
	for len(msg) > 0 {
		var f field
		if f, msg, err = next(msg); err != nil {
			return u, fmt.Errorf("unixfs: %w", err)
		}
		if f.num <= fsMtime && f.num != fsSizes {
			if seen&(1<<f.num) != 0 {
				return u, fmt.Errorf("unixfs: field %d stands twice", f.num)
			}
			seen |= 1 << f.num
		}
		if err = u.set(f); err != nil {
			return u, fmt.Errorf("unixfs: %w", err)
		}
	}
	if seen&(1<<fsType) == 0 {
		return u, errors.New("unixfs: no type")
	}
	return u, nil
}

// set stores one field of Data.
func (u *unixfs) set(f field) error {
	if f.num == fsSizes && f.typ == wireBytes {
		return u.packed(f.data)
	}
	if want, ok := fsWire(f.num); ok && f.typ != want {
		return fmt.Errorf("field %d has type %d", f.num, f.typ)
	}
	switch f.num {
	case fsType:
		u.kind = f.val
	case fsData:
		u.data = f.data
	case fsSize:
		u.size = f.val
	case fsSizes:
		u.sizes = append(u.sizes, f.val)
	case fsHash:
		u.hashType = f.val
	case fsFanout:
		u.fanout = f.val
	case fsMode:
		u.mode = f.val
	case fsMtime:
		return checkTime(f.data)
	}
	return nil
}

// checkTime holds a time, which nobody uses, to its form: seconds, and maybe
// nanoseconds.
func checkTime(msg []byte) (err error) {
	seconds, nanoseconds := false, false
	for len(msg) > 0 {
		var f field
		if f, msg, err = next(msg); err != nil {
			return err
		}
		switch {
		case f.num == 1 && f.typ == wireVarint && !seconds:
			seconds = true
		case f.num == 2 && f.typ == wireFixed32 && !nanoseconds:
			nanoseconds = true
		default:
			return errors.New("a time has seconds and nanoseconds alone")
		}
	}
	if !seconds {
		return errors.New("a time without seconds")
	}
	return nil
}

// fsWire is the wire type of a field of Data; false: the field is unknown.
func fsWire(num uint64) (uint64, bool) {
	switch num {
	case fsData, fsMtime:
		return wireBytes, true
	}
	return wireVarint, num <= fsMtime
}

// packed reads block sizes in protobuf's packed form, which any reader accepts.
func (u *unixfs) packed(msg []byte) error {
	for len(msg) > 0 {
		v, rest, err := uvarint(msg)
		if err != nil {
			return err
		}
		u.sizes, msg = append(u.sizes, v), rest
	}
	return nil
}

// CumulativeSize is what a link to the node c carries as Tsize: its block and
// the Tsize of its links, as its root block says.
func CumulativeSize(c cid.Cid, block []byte) (uint64, error) {
	size := uint64(len(block))
	if c.Type() != cid.DagProtobuf {
		return size, nil
	}
	_, links, err := decodePB(block)
	if err != nil {
		return 0, &FormatError{CID: c, Why: err.Error()}
	}
	for _, l := range links {
		if l.tsize > math.MaxInt64-size {
			return 0, &FormatError{CID: c, Why: "the sizes of its links overflow"}
		}
		size += l.tsize
	}
	return size, nil
}
