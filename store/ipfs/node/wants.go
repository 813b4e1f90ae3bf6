package node

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// maxEntry is how many bytes one entry of a wantlist may have.
const maxEntry = 512

// wanted is what a peer asks for, or no more.
type wanted struct {
	cid      cid.Cid
	cancel   bool
	have     bool // only whether it is there
	dontHave bool // it is to be told where it is not
}

// asker takes what a message asks for.
type asker interface {
	wants(w wanted) error
	// idle is how many bytes were of no use.
	idle(n int) error
}

// readWants reads a message of somebody who asks; io.EOF: there is none any more.
// That a list is the whole of what he wants makes no difference: what he wants no
// more he cancels, or is gone.
func readWants(r *bufio.Reader, to asker) error {
	size, err := binary.ReadUvarint(r)
	switch {
	case err == io.EOF:
		return io.EOF
	case err != nil:
		return fmt.Errorf("%w: %w", errMalformed, err)
	case size > maxMessage:
		return &dag.LimitError{What: "bytes in a message of bitswap", Limit: maxMessage}
	}
	if err := to.idle(overhead); err != nil {
		return err
	}
	s := &scanner{r: r, left: int(size)}
	return s.each(func(field, n int) error {
		if field != fieldWantlist {
			return s.useless(n, to)
		}
		list := &scanner{r: r, left: n}
		s.left -= n
		return list.each(func(field, n int) error {
			if field != fieldEntry || n > maxEntry {
				return list.useless(n, to)
			}
			return list.entry(n, to)
		})
	})
}

// each reads the fields until there are no more.
func (s *scanner) each(do func(field, n int) error) error {
	for s.left > 0 {
		field, n, err := s.field()
		if err == nil {
			err = do(field, n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// useless skips a field.
func (s *scanner) useless(n int, to interface{ idle(int) error }) error {
	if err := s.skip(n); err != nil {
		return err
	}
	return to.idle(n + overhead)
}

func (s *scanner) entry(n int, to asker) error {
	text := make([]byte, n)
	if err := s.read(text); err != nil {
		return err
	}
	var w wanted
	err := eachField(text, func(field int, number uint64, value []byte) (err error) {
		switch field {
		case fieldWanted:
			w.cid, err = cid.Cast(value)
		case fieldCancel:
			w.cancel = number != 0
		case fieldWantType:
			w.have = number != 0
		case fieldSayDontHave:
			w.dontHave = number != 0
		}
		return err
	})
	if err != nil || !w.cid.Defined() {
		return errMalformed
	}
	return to.wants(w)
}

// eachField reads the fields of a message that is in memory: numbers and bytes.
func eachField(text []byte, do func(field int, number uint64, value []byte) error) error {
	for len(text) > 0 {
		tag, n := binary.Uvarint(text)
		if n <= 0 || tag>>3 > 1<<20 {
			return errMalformed
		}
		text = text[n:]
		number, n := binary.Uvarint(text)
		if n <= 0 {
			return errMalformed
		}
		text = text[n:]
		var value []byte
		switch tag & 7 {
		case wireVarint:
		case wireBytes:
			if number > uint64(len(text)) {
				return errMalformed
			}
			value, text = text[:number], text[number:]
		default:
			return errMalformed
		}
		if err := do(int(tag>>3), number, value); err != nil {
			return err
		}
	}
	return nil
}

// reply is a message with blocks, and with what is there and what is not.
type reply struct {
	body []byte
	last []byte // what stands after it: a large block, which is not copied
}

// block adds a block: after one of replySize there may be nothing else.
func (r *reply) block(c cid.Cid, data []byte) {
	head := appendBytes(nil, fieldPrefix, c.Prefix().Bytes())
	head = binary.AppendUvarint(head, fieldData<<3|wireBytes)
	head = binary.AppendUvarint(head, uint64(len(data)))
	r.body = binary.AppendUvarint(r.body, fieldPayload<<3|wireBytes)
	r.body = binary.AppendUvarint(r.body, uint64(len(head)+len(data)))
	r.body = append(r.body, head...)
	if len(data) >= replySize {
		r.last = data
		return
	}
	r.body = append(r.body, data...)
}

func (r *reply) presence(c cid.Cid, has bool) {
	b := appendBytes(nil, fieldCID, c.Bytes())
	if !has {
		b = appendNumber(b, fieldType, dontHave)
	}
	r.body = appendBytes(r.body, fieldPresence, b)
}
