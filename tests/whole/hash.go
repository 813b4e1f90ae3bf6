package whole

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
)

// The import profile unixfs-v1-2025, as far as the contents of a file need it.
const (
	leafSize  = 1 << 20
	nodeLinks = 1024
)

// node is a block of a file's DAG as its parent sees it.
type node struct {
	cid   []byte
	tsize uint64 // its block and all below it
	bytes uint64 // of the file
}

// FileCID names the contents of a file: what `ipfs add` prints for it under the
// profile unixfs-v1-2025. It is written from the specifications of UnixFS and
// DAG-PB, and shares nothing with the product's code.
func FileCID(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var level []node
	for buf := make([]byte, leafSize); ; {
		n, err := io.ReadFull(f, buf)
		if n > 0 || len(level) == 0 && err == io.EOF {
			level = append(level, node{cidOf(0x55, buf[:n]), uint64(n), uint64(n)})
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			return "", err
		}
	}
	for len(level) > 1 {
		var up []node
		for i := 0; i < len(level); i += nodeLinks {
			up = append(up, parent(level[i:min(i+nodeLinks, len(level))]))
		}
		level = up
	}
	return "b" + base32Lower(level[0].cid), nil
}

func base32Lower(b []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// cidOf is a binary CIDv1 with a sha2-256 multihash.
func cidOf(codec byte, block []byte) []byte {
	sum := sha256.Sum256(block)
	return append([]byte{1, codec, 0x12, 0x20}, sum[:]...)
}

// parent is the dag-pb node over children: its links first, then its data.
func parent(children []node) node {
	var block, sizes bytes.Buffer
	var up node
	for _, c := range children {
		var link []byte
		link = field(link, 1, c.cid)
		link = field(link, 2, nil)
		link = number(link, 3, c.tsize)
		block.Write(field(nil, 2, link))
		sizes.Write(number(nil, 4, c.bytes))
		up.tsize += c.tsize
		up.bytes += c.bytes
	}
	data := number(nil, 1, 2) // type: file
	data = number(data, 3, up.bytes)
	data = append(data, sizes.Bytes()...)
	block.Write(field(nil, 1, data))
	up.tsize += uint64(block.Len())
	up.cid = cidOf(0x70, block.Bytes())
	return up
}

// field and number append a protobuf field.
func field(b []byte, tag byte, value []byte) []byte {
	b = binary.AppendUvarint(append(b, tag<<3|2), uint64(len(value)))
	return append(b, value...)
}

func number(b []byte, tag byte, value uint64) []byte {
	return binary.AppendUvarint(append(b, tag<<3), value)
}

// checkObject rehashes the file at path, which is said to be the object name.
func checkObject(path, name string) error {
	fi, err := os.Lstat(path)
	if err != nil {
		return err
	}
	want, exec := strings.CutSuffix(name, ".x")
	perm := os.FileMode(0o444)
	if exec {
		perm = 0o555
	}
	if !fi.Mode().IsRegular() || fi.Mode().Perm() != perm {
		return fmt.Errorf("%s: mode %v, not a regular file with %v", path, fi.Mode(), perm)
	}
	got, err := FileCID(path)
	if err == nil && got != want {
		err = fmt.Errorf("%s: its contents are %s, not %s", path, got, want)
	}
	return err
}
