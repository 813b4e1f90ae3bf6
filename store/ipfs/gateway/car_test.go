package gateway

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"ipp/store/dag"

	"github.com/ipld/go-car/v2"
)

// listCAR tells what is in a CAR.
func listCAR(data []byte) string {
	r, err := car.NewBlockReader(bytes.NewReader(data))
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	fmt.Fprintln(&b, "roots", r.Roots)
	for i := 0; i < 40; i++ {
		block, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Fprintln(&b, err)
			break
		}
		fmt.Fprintln(&b, block.Cid(), len(block.RawData()))
	}
	return b.String()
}

// emptyCAR is one of a path that leads nowhere, without its proof.
func emptyCAR() ([]byte, error) {
	var b bytes.Buffer
	_, err := dag.NewCARWriter(&b, emptyCID())
	return b.Bytes(), err
}
