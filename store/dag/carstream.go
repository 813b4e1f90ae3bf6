package dag

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"
)

// ReadCAR reads an archive of version 1 as it comes: each is handed every block
// in the order of the archive, verified. A block that is not what its CID says
// is a HashError.
func ReadCAR(r io.Reader, each func(c cid.Cid, data []byte) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	header, err := carSection(in, maxCARHeader)
	if err == nil {
		err = checkCARHeader(header)
	}
	if err != nil {
		return fmt.Errorf("read archive: header: %w", eof(err))
	}
	for {
		if _, err := in.Peek(1); err == io.EOF {
			return nil
		}
		section, err := carSection(in, MaxBlock+maxCIDLength)
		if err != nil {
			return fmt.Errorf("read archive: %w", eof(err))
		}
		n, c, err := cid.CidFromBytes(section)
		if err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
		data := section[n:]
		if err := Verify(c, data); err != nil {
			return err
		}
		if err := each(c, data); err != nil {
			return err
		}
	}
}

// carSection reads a length and as many bytes, most at most.
func carSection(in *bufio.Reader, most uint64) ([]byte, error) {
	size, err := binary.ReadUvarint(in)
	if err != nil {
		return nil, err
	}
	if size == 0 || size > most {
		return nil, fmt.Errorf("section of %d bytes", size)
	}
	data := make([]byte, size)
	_, err = io.ReadFull(in, data)
	return data, err
}

func checkCARHeader(header []byte) error {
	_, version, err := decodeCARHeader(header)
	if err == nil && version != 1 {
		err = errors.New("it is not of version 1")
	}
	return err
}
