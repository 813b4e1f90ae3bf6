package wire

import (
	"bufio"
	"encoding/binary"

	"github.com/ipfs/go-cid"
)

// maxEntry is how many bytes one entry of a wantlist may have.
const maxEntry = 512

// Wanted is what a peer asks for, or no more.
type Wanted struct {
	CID      cid.Cid
	Cancel   bool
	Have     bool // only whether it is there
	DontHave bool // it is to be told where it is not
}

// Asker takes what a message asks for.
type Asker interface {
	Want(w Wanted) error
	// Idle is how many bytes were of no use.
	Idle(n int) error
}

// ReadWants reads a message of somebody who asks; io.EOF: there is none any more.
// That a list is the whole of what he wants makes no difference: what he wants no
// more he cancels, or is gone.
func ReadWants(r *bufio.Reader, to Asker) error {
	s, err := begin(r, to)
	if err != nil {
		return err
	}
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
func (s *scanner) useless(n int, to idler) error {
	if err := s.skip(n); err != nil {
		return err
	}
	return to.Idle(n + overhead)
}

func (s *scanner) entry(n int, to Asker) error {
	text := make([]byte, n)
	if err := s.read(text); err != nil {
		return err
	}
	var w Wanted
	err := eachField(text, func(field int, number uint64, value []byte) (err error) {
		switch field {
		case fieldWanted:
			w.CID, err = cid.Cast(value)
		case fieldCancel:
			w.Cancel = number != 0
		case fieldWantType:
			w.Have = number != 0
		case fieldSayDontHave:
			w.DontHave = number != 0
		}
		return err
	})
	if err != nil || !w.CID.Defined() {
		return ErrMalformed
	}
	return to.Want(w)
}

// eachField reads the fields of a message that is in memory: numbers and bytes.
func eachField(text []byte, do func(field int, number uint64, value []byte) error) error {
	for len(text) > 0 {
		tag, n := binary.Uvarint(text)
		if n <= 0 || tag>>3 > 1<<20 {
			return ErrMalformed
		}
		text = text[n:]
		number, n := binary.Uvarint(text)
		if n <= 0 {
			return ErrMalformed
		}
		text = text[n:]
		var value []byte
		switch tag & 7 {
		case wireVarint:
		case wireBytes:
			if number > uint64(len(text)) {
				return ErrMalformed
			}
			value, text = text[:number], text[number:]
		default:
			return ErrMalformed
		}
		if err := do(int(tag>>3), number, value); err != nil {
			return err
		}
	}
	return nil
}

// Large is from how many bytes a block is the last one of its message.
const Large = 256 << 10

// Reply is a message with blocks, and with what is there and what is not.
type Reply struct {
	body []byte
	last []byte // what stands after it: a large block, which is not copied
}

// Block adds a block: after one of Large bytes there may be nothing else.
func (r *Reply) Block(c cid.Cid, data []byte) {
	head := appendBytes(nil, fieldPrefix, c.Prefix().Bytes())
	head = binary.AppendUvarint(head, fieldData<<3|wireBytes)
	head = binary.AppendUvarint(head, uint64(len(data)))
	r.body = binary.AppendUvarint(r.body, fieldPayload<<3|wireBytes)
	r.body = binary.AppendUvarint(r.body, uint64(len(head)+len(data)))
	r.body = append(r.body, head...)
	if len(data) >= Large {
		r.last = data
		return
	}
	r.body = append(r.body, data...)
}

// Presence says whether a block is there.
func (r *Reply) Presence(c cid.Cid, has bool) {
	b := appendBytes(nil, fieldCID, c.Bytes())
	if !has {
		b = appendNumber(b, fieldType, dontHave)
	}
	r.body = appendBytes(r.body, fieldPresence, b)
}

// Parts is the message, to be sent one after the other; none: there is nothing in it.
func (r *Reply) Parts() [][]byte {
	if len(r.body) == 0 {
		return nil
	}
	head := binary.AppendUvarint(nil, uint64(len(r.body)+len(r.last)))
	return [][]byte{append(head, r.body...), r.last}
}
