package dag

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/ipfs/go-cid"
)

// carPragma is how a version 2 begins (CARv2 specification, "Pragma"): a header
// that holds the version alone. What stands after it, of fixed length, says
// where in the file the version 1 is.
const (
	carPragma   = "\x0a\xa1gversion\x02"
	carFixed    = 40
	carIndexing = 16 // of these, bytes that concern an index alone
)

// enter narrows the window to the blocks of a version 2; a version 1 is left as
// it is. The window stands at its start then.
func (w *window) enter(r io.ReaderAt) error {
	head := make([]byte, len(carPragma)+carFixed)
	n, err := r.ReadAt(head, 0)
	if !bytes.HasPrefix(head[:n], []byte(carPragma)) {
		return nil
	}
	if n < len(head) {
		return eof(err)
	}
	fixed := head[len(carPragma)+carIndexing:]
	offset, size := binary.LittleEndian.Uint64(fixed), binary.LittleEndian.Uint64(fixed[8:])
	if offset < uint64(len(head)) {
		return fmt.Errorf("its blocks begin at byte %d, which is in its header", offset)
	}
	if offset > uint64(w.end) || size > uint64(w.end)-offset {
		return fmt.Errorf("its blocks, %d bytes at byte %d, end after the file: %w", size, offset, io.ErrUnexpectedEOF)
	}
	if index := binary.LittleEndian.Uint64(fixed[16:]); index != 0 && (index < offset+size || index > math.MaxInt64) {
		return fmt.Errorf("its index begins at byte %d: not behind its blocks, which end at byte %d", index, offset+size)
	}
	w.start = int64(offset)
	w.end = w.start + int64(size)
	w.pos = w.start
	return nil
}

// header reads the header of a version 1, and returns its roots.
func (w *window) header() ([]cid.Cid, error) {
	size, err := binary.ReadUvarint(w)
	if err != nil {
		return nil, eof(err)
	}
	if size == 0 || size > maxCARHeader {
		return nil, fmt.Errorf("header of %d bytes", size)
	}
	data := make([]byte, min(int64(size), w.end-w.pos))
	if _, err := io.ReadFull(w, data); err != nil {
		return nil, err
	}
	if len(data) < int(size) {
		return nil, io.ErrUnexpectedEOF
	}
	roots, version, err := decodeCARHeader(data)
	if err == nil && version != 1 {
		err = fmt.Errorf("it is of version %d", version)
	}
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	return roots, nil
}

// Major types and the one tag of DAG-CBOR (RFC 8949, DAG-CBOR specification).
const (
	cborUint, cborBytes, cborText = 0, 2, 3
	cborArray, cborMap, cborTag   = 4, 5, 6
	cborCID                       = 42
	cborNull                      = 0xf6   // go-car's list of no roots
	cborOne, cborMore             = 24, 27 // from one byte with the number to eight
)

var errCBOR = errors.New("it is not DAG-CBOR as CAR has it")

// decodeCARHeader decodes {"roots": [CID…], "version": N}, in either order. A
// version alone has no roots.
func decodeCARHeader(b []byte) (roots []cid.Cid, version uint64, err error) {
	fields, b, err := cborHead(b, cborMap)
	if err != nil {
		return nil, 0, err
	}
	seen := map[string]bool{}
	for range min(fields, 3) {
		var key []byte
		if key, b, err = cborString(b, cborText); err != nil || seen[string(key)] {
			return nil, 0, errCBOR
		}
		seen[string(key)] = true
		switch string(key) {
		case "version":
			version, b, err = cborHead(b, cborUint)
		case "roots":
			roots, b, err = decodeRoots(b)
		default:
			err = fmt.Errorf("field %q is unknown", key)
		}
		if err != nil {
			return nil, 0, err
		}
	}
	if len(b) > 0 {
		return nil, 0, errCBOR
	}
	return roots, version, nil
}

func decodeRoots(b []byte) (roots []cid.Cid, rest []byte, err error) {
	if len(b) > 0 && b[0] == cborNull {
		return nil, b[1:], nil
	}
	n, b, err := cborHead(b, cborArray)
	for ; n > 0 && err == nil; n-- {
		var tag uint64
		var link []byte
		if tag, b, err = cborHead(b, cborTag); err != nil || tag != cborCID {
			return nil, nil, errCBOR
		}
		if link, b, err = cborString(b, cborBytes); err != nil || len(link) == 0 || link[0] != 0 {
			return nil, nil, errCBOR
		}
		root, err := cid.Cast(link[1:]) // the zero is multibase's, for binary
		if err != nil {
			return nil, nil, err
		}
		roots = append(roots, root)
	}
	return roots, b, err
}

// cborHead takes the head of an item of that type, and returns its number: a
// value, or a count of what follows.
func cborHead(b []byte, major byte) (n uint64, rest []byte, err error) {
	if len(b) == 0 || b[0]>>5 != major {
		return 0, nil, errCBOR
	}
	n, b = uint64(b[0]&0x1f), b[1:]
	switch {
	case n < cborOne:
		return n, b, nil
	case n > cborMore: // of indefinite length
		return 0, nil, errCBOR
	}
	size := 1 << (n - cborOne)
	if len(b) < size {
		return 0, nil, errCBOR
	}
	var wide [8]byte
	copy(wide[8-size:], b)
	return binary.BigEndian.Uint64(wide[:]), b[size:], nil
}

func cborString(b []byte, major byte) (s, rest []byte, err error) {
	n, b, err := cborHead(b, major)
	if err != nil || n > uint64(len(b)) {
		return nil, nil, errCBOR
	}
	return b[:n], b[n:], nil
}
