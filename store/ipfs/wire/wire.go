// Package wire reads and writes the messages of bitswap 1.2.0
// (https://specs.ipfs.tech/bitswap-protocol/, "Wire Format"): a length, then
// protobuf. They are read field by field as they come, so that a message takes no
// more memory than one block, and what is of no use takes none.
//
// Nothing is known here of who speaks, nor whether a block is what it should be.
package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

const (
	maxMessage  = 4 << 20 // what other implementations take at most
	maxPrefix   = 64      // bytes of what says how a block is hashed
	maxPresence = 256     // bytes of what says of a block that it is there or not
	overhead    = 2       // bytes of a field, or a message, at least
)

// Fields of a message, of its wantlist, of an entry there, of a block, and of what
// says whether a block is there.
const (
	fieldWantlist, fieldPayload, fieldPresence                               = 1, 3, 4
	fieldEntry                                                               = 1
	fieldWanted, fieldPriority, fieldCancel, fieldWantType, fieldSayDontHave = 1, 2, 3, 4, 5
	fieldPrefix, fieldData                                                   = 1, 2
	fieldCID, fieldType                                                      = 1, 2
	dontHave                                                                 = 1
	wireVarint, wireFixed64, wireBytes, wireFixed32                          = 0, 1, 2, 5
)

// Answers takes what a message of somebody who answers holds.
type Answers interface {
	// Room waits until there is memory for a block of so many bytes.
	Room(n int) (free func(), err error)
	// Came says that so many bytes of a block arrived.
	Came(n int)
	// Block is one that arrived whole; prefix says how it is hashed.
	Block(prefix, data []byte) error
	// Absent says that the peer does not have a block.
	Absent(c cid.Cid)
	// Idle is how many bytes were of no use.
	Idle(n int) error
}

// ErrMalformed is what no peer sends that speaks bitswap.
var ErrMalformed = errors.New("it sent what is no message of bitswap")

// scanner reads one message, or a part of it.
type scanner struct {
	r    *bufio.Reader
	left int
}

// idler counts bytes that were of no use.
type idler interface{ Idle(n int) error }

// begin reads how long a message is; io.EOF: there is none any more.
func begin(r *bufio.Reader, to idler) (*scanner, error) {
	size, err := binary.ReadUvarint(r)
	switch {
	case err == io.EOF:
		return nil, io.EOF
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	case size > maxMessage:
		return nil, &dag.LimitError{What: "bytes in a message of bitswap", Limit: maxMessage}
	}
	return &scanner{r: r, left: int(size)}, to.Idle(overhead)
}

// ReadAnswers reads a message; io.EOF: there is none any more.
func ReadAnswers(r *bufio.Reader, to Answers) error {
	s, err := begin(r, to)
	if err != nil {
		return err
	}
	return s.each(func(field, n int) error {
		switch field {
		case fieldPayload:
			return s.payload(n, to)
		case fieldPresence:
			return s.presence(n, to)
		}
		return s.useless(n, to) // what the peer wants, for one
	})
}

// field reads a tag; n is how many bytes the value has, or its value where that is
// a number: of those none is of use here.
func (s *scanner) field() (field, n int, err error) {
	tag, err := s.uvarint()
	if err != nil {
		return 0, 0, err
	}
	switch tag & 7 {
	case wireVarint:
		_, err = s.uvarint()
		return -1, 0, err
	case wireFixed64:
		return -1, 8, s.has(8)
	case wireFixed32:
		return -1, 4, s.has(4)
	case wireBytes:
		size, err := s.uvarint()
		if err != nil || size > uint64(s.left) {
			return 0, 0, errors.Join(ErrMalformed, err)
		}
		return int(min(tag>>3, 1<<20)), int(size), nil
	}
	return 0, 0, ErrMalformed
}

func (s *scanner) has(n int) error {
	if n > s.left {
		return ErrMalformed
	}
	return nil
}

func (s *scanner) uvarint() (uint64, error) {
	v, err := binary.ReadUvarint(s)
	if err != nil && !errors.Is(err, ErrMalformed) {
		err = cut(err)
	}
	return v, err
}

// ReadByte is for binary.ReadUvarint.
func (s *scanner) ReadByte() (byte, error) {
	if s.left == 0 {
		return 0, ErrMalformed
	}
	s.left--
	b, err := s.r.ReadByte()
	return b, cut(err)
}

// cut is the error of a message that ends in its middle.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (s *scanner) skip(n int) error {
	s.left -= n
	_, err := s.r.Discard(n)
	return cut(err)
}

func (s *scanner) read(into []byte) error {
	s.left -= len(into)
	_, err := io.ReadFull(s.r, into)
	return cut(err)
}

// payload reads a block.
func (s *scanner) payload(size int, to Answers) error {
	in := &scanner{r: s.r, left: size}
	s.left -= size
	var prefix, data []byte
	free := func() {}
	defer func() { free() }()
	err := in.each(func(field, n int) (err error) {
		switch {
		case field == fieldPrefix && n <= maxPrefix:
			prefix = make([]byte, n)
			return in.read(prefix)
		case field == fieldData && n > dag.MaxBlock:
			return &dag.LimitError{What: "bytes in a block", Limit: dag.MaxBlock}
		case field == fieldData && data == nil:
			give, err := to.Room(n)
			if err != nil {
				return err
			}
			free = give
			data, err = in.data(n, to)
			return err
		}
		return in.useless(n, to)
	})
	if err != nil {
		return err
	}
	return to.Block(prefix, data)
}

// chunk is how much of a block is read before that is said.
const chunk = 64 << 10

func (s *scanner) data(n int, to Answers) ([]byte, error) {
	data := make([]byte, n)
	for at := 0; at < n; {
		// What there is, not a whole chunk: a slow peer is one that sends.
		m, err := s.r.Read(data[at:min(at+chunk, n)])
		if err != nil {
			return nil, cut(err)
		}
		at += m
		s.left -= m
		to.Came(m)
	}
	return data, nil
}

// presence reads whether a block is there.
func (s *scanner) presence(size int, to Answers) error {
	if size > maxPresence {
		return ErrMalformed
	}
	text := make([]byte, size)
	if err := s.read(text); err != nil {
		return err
	}
	var c cid.Cid
	kind := uint64(0)
	err := eachField(text, func(field int, number uint64, value []byte) (err error) {
		switch field {
		case fieldCID:
			c, err = cid.Cast(value)
		case fieldType:
			kind = number
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if kind == dontHave && c.Defined() {
		to.Absent(c)
	}
	return to.Idle(size)
}

// Entry is a block that is asked for, or no more.
type Entry struct {
	CID    cid.Cid
	Cancel bool
}

// Asking is a message that asks for blocks, each of which the peer is to say of if it has none.
// first is the priority of the first of them.
func Asking(entries []Entry, first int) []byte {
	var list []byte
	for i, e := range entries {
		var b []byte
		b = appendBytes(b, fieldWanted, e.CID.Bytes())
		b = appendNumber(b, fieldPriority, uint64(max(first-i, 1)))
		if e.Cancel {
			b = appendNumber(b, fieldCancel, 1)
		} else {
			b = appendNumber(b, fieldSayDontHave, 1)
		}
		list = appendBytes(list, fieldEntry, b)
	}
	body := appendBytes(nil, fieldWantlist, list)
	return append(binary.AppendUvarint(nil, uint64(len(body))), body...)
}

func appendBytes(to []byte, field uint64, b []byte) []byte {
	return append(binary.AppendUvarint(binary.AppendUvarint(to, field<<3|wireBytes), uint64(len(b))), b...)
}

func appendNumber(to []byte, field, n uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(to, field<<3|wireVarint), n)
}
