package dag

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-car/v2"
)

// ReadCAR reads an archive (version 1 or 2) as it comes: each is handed every
// block in the order of the archive, verified. A block that is not what its CID
// says is a HashError.
func ReadCAR(r io.Reader, each func(c cid.Cid, data []byte) error) (err error) {
	defer func() {
		// go-car decodes the header with a library for CBOR at large.
		if p := recover(); p != nil {
			err = brokenCAR(fmt.Errorf("%v", p))
		}
	}()
	blocks, err := car.NewBlockReader(bufio.NewReaderSize(r, 64<<10), car.WithTrustedCAR(true),
		car.MaxAllowedHeaderSize(maxCARHeader), car.MaxAllowedSectionSize(MaxBlock+maxCIDLength))
	if err != nil {
		return brokenCAR(err)
	}
	for {
		b, err := blocks.Next()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return brokenCAR(err)
		}
		if err := Verify(b.Cid(), b.RawData()); err != nil {
			return err
		}
		if err := each(b.Cid(), b.RawData()); err != nil {
			return err
		}
	}
}

// brokenCAR says what is wrong with an archive, but for what its reader said
// itself: that belongs to whoever reads.
func brokenCAR(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the archive ends in the middle: %w", err)
	}
	return fmt.Errorf("read archive: %w", err)
}
