package dag

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"
)

// CARWriter writes a CAR version 1.
type CARWriter struct {
	w       io.Writer
	put     cidSet
	written int64
	buf     []byte
}

const smallBlock = 16 << 10

// NewCARWriter writes the header for one root.
func NewCARWriter(w io.Writer, root cid.Cid) (*CARWriter, error) {
	if err := checkCID(root); err != nil {
		return nil, fmt.Errorf("write archive: %w", err)
	}
	c := &CARWriter{w: w, put: newCIDSet()}
	return c, c.section(carHeader(root), nil)
}

// carHeader is {"roots": [root], "version": 1} in DAG-CBOR.
func carHeader(root cid.Cid) []byte {
	const (
		maps, array, text, byteString = 0xa0, 0x80, 0x60, 0x40
		tag, cidTag                   = 0xd8, 42
		inHead, nextByte              = 24, 24 // lengths below stand in the head itself
	)
	b := []byte{maps | 2, text | 5}
	b = append(b, "roots"...)
	b = append(b, array|1, tag, cidTag)
	if n := 1 + root.ByteLen(); n < inHead { // only one that carries its block is so short
		b = append(b, byteString|byte(n))
	} else {
		b = append(b, byteString|nextByte, byte(n))
	}
	b = append(append(b, 0), root.KeyString()...)
	b = append(b, text|7)
	b = append(b, "version"...)
	return append(b, 1)
}

// Put appends a block, unless it was put before or is inline.
func (w *CARWriter) Put(c cid.Cid, data []byte) error {
	if _, ok := inline(c); ok || !w.put.add(c) {
		return nil
	}
	return w.section(c.Bytes(), data)
}

// Append is Put for a block that may have been put before.
func (w *CARWriter) Append(c cid.Cid, data []byte) error {
	if _, ok := inline(c); ok {
		return nil
	}
	return w.section(c.Bytes(), data)
}

// section writes head and data after their common length; in one call, unless
// there is much to copy for that.
func (w *CARWriter) section(head, data []byte) error {
	w.buf = binary.AppendUvarint(w.buf[:0], uint64(len(head)+len(data)))
	w.buf = append(w.buf, head...)
	if len(data) <= smallBlock {
		w.buf, data = append(w.buf, data...), nil
	}
	if err := w.write(w.buf); err != nil || len(data) == 0 {
		return err
	}
	return w.write(data)
}

func (w *CARWriter) write(p []byte) error {
	n, err := w.w.Write(p)
	w.written += int64(n)
	if err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}

// WriteCAR writes the DAG below root: version 1, one root, depth first, each
// block once, each verified: what a trustless gateway sends for dag-scope=all,
// order=dfs, dups=n. report, if set, is told how many bytes were just written.
// Besides what opt.Omit says all of the DAG is read, so opt.Block sees each
// block, raw leaves too, and one that b lacks is a *MissingBlockError.
func WriteCAR(ctx context.Context, w io.Writer, b Blocks, root cid.Cid, opt WalkOptions, report func(int64)) error {
	cw, err := NewCARWriter(w, root)
	if err != nil {
		return err
	}
	if report == nil {
		report = func(int64) {}
	}
	report(cw.written)
	also := opt.Block
	opt.Block = func(c cid.Cid, data []byte) error {
		before := cw.written
		if err := cw.section(c.Bytes(), data); err != nil { // the walk gives each once
			return err
		}
		report(cw.written - before)
		if also != nil {
			return also(c, data)
		}
		return nil
	}
	walker := newWalker(ctx, Whole(b), opt, func(*Entry) error { return nil })
	walker.every = true
	return walker.walk(root)
}
