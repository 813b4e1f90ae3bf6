package dag

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"
)

// window reads [start, end) of a file, a little ahead, and passes over blocks
// without reading what is in them.
type window struct {
	r          io.ReaderAt
	start, end int64
	pos        int64 // in the file
	buf        [16 << 10]byte
	at         int64 // where buf stands in the file
	n          int   // of buf
	head       [maxCIDLength]byte
}

// section passes over one section: its length, a CID, and the block.
func (w *window) section() (s span, k cid.Cid, err error) {
	size, err := binary.ReadUvarint(w)
	if err != nil {
		return s, k, err
	}
	switch {
	case size == 0:
		return s, k, errors.New("empty section")
	case size > MaxBlock+maxCIDLength:
		return s, k, fmt.Errorf("section of %d bytes", size)
	case int64(size) > w.end-w.pos:
		return s, k, io.ErrUnexpectedEOF
	}
	s.offset = w.pos
	head := w.head[:min(size, maxCIDLength)]
	if _, err := io.ReadFull(w, head); err != nil {
		return s, k, err
	}
	n, k, err := cid.CidFromBytes(head)
	if err != nil {
		return s, k, err
	}
	w.pos = s.offset + int64(size)
	s.sizes = uint32(n)<<24 | uint32(size)
	return s, k, nil
}

// fill makes buf hold the byte at pos.
func (w *window) fill() error {
	if w.pos >= w.end {
		return io.EOF
	}
	if w.pos >= w.at && w.pos < w.at+int64(w.n) {
		return nil
	}
	n, err := w.r.ReadAt(w.buf[:min(int64(len(w.buf)), w.end-w.pos)], w.pos)
	if n == 0 {
		return err
	}
	w.at, w.n = w.pos, n
	return nil
}

func (w *window) ReadByte() (byte, error) {
	if err := w.fill(); err != nil {
		return 0, err
	}
	b := w.buf[w.pos-w.at]
	w.pos++
	return b, nil
}

func (w *window) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := w.fill(); err != nil {
		return 0, err
	}
	n := copy(p, w.buf[w.pos-w.at:w.n])
	w.pos += int64(n)
	return n, nil
}
