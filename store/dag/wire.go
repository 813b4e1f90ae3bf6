package dag

import (
	"encoding/binary"
	"errors"
)

// Protobuf's wire types, as far as dag-pb and UnixFS use them.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// maxField is protobuf's largest field number.
const maxField = 1<<29 - 1

var errWire = errors.New("protobuf is cut short or malformed")

// field is one field of a protobuf message.
type field struct {
	num, typ uint64
	val      uint64 // wireVarint
	data     []byte // wireBytes: a part of the message
}

// next takes one field off a message.
func next(msg []byte) (f field, rest []byte, err error) {
	tag, msg, err := uvarint(msg)
	if err != nil {
		return f, nil, err
	}
	f.num, f.typ = tag>>3, tag&7
	if f.num == 0 || f.num > maxField {
		return f, nil, errWire
	}
	switch f.typ {
	case wireVarint:
		f.val, msg, err = uvarint(msg)
		return f, msg, err
	case wireFixed64:
		return f, skip(msg, 8), short(msg, 8)
	case wireFixed32:
		return f, skip(msg, 4), short(msg, 4)
	case wireBytes:
		n, msg, err := uvarint(msg)
		if err != nil || n > uint64(len(msg)) {
			return f, nil, errWire
		}
		f.data = msg[:n:n]
		return f, msg[n:], nil
	}
	return f, nil, errWire
}

func short(msg []byte, n int) error {
	if len(msg) < n {
		return errWire
	}
	return nil
}

func skip(msg []byte, n int) []byte { return msg[min(n, len(msg)):] }

func uvarint(msg []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(msg)
	if n <= 0 {
		return 0, nil, errWire
	}
	return v, msg[n:], nil
}

// appendVarint appends a varint field; num is below 16.
func appendVarint(b []byte, num, v uint64) []byte {
	return binary.AppendUvarint(append(b, byte(num<<3|wireVarint)), v)
}
