package dag

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-car/v2"
)

// FuzzReadCAR: reading an archive as it comes never panics, and takes memory by
// what came; what it hands on is what its CID says, and what go-car sees there.
func FuzzReadCAR(f *testing.F) {
	g := newForge()
	for _, root := range []link{
		sample(g), g.raw("x"), g.file([]link{g.framed(typeFile, "ab"), g.framed(typeRaw, "c")}, 2, 1), smallHAMT(g),
		identity(cid.DagProtobuf, encodePB(nil, message(fsType, typeDirectory))),
	} {
		var buf bytes.Buffer
		if err := WriteCAR(f.Context(), &buf, g, root.cid, WalkOptions{}, nil); err != nil {
			f.Fatal(err)
		}
		f.Add(buf.Bytes())
		f.Add(buf.Bytes()[:buf.Len()-1])
		f.Add(version2(buf.Bytes()))
	}
	f.Add([]byte("<html>hello</html>"))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, data []byte) {
		type block struct {
			cid  cid.Cid
			data []byte
		}
		var got []block
		var err error
		// One section may say that it is as large as any, and then end.
		fair(t, len(data)+(MaxBlock+maxCIDLength)/64, func() {
			err = ReadCAR(bytes.NewReader(data), func(c cid.Cid, data []byte) error {
				got = append(got, block{c, data})
				return nil
			})
		})
		for _, b := range got {
			if wrong := Verify(b.cid, b.data); wrong != nil {
				t.Fatal(wrong)
			}
		}
		if err == io.EOF {
			t.Fatal("an end that says nothing")
		}
		theirs, wrong := car.NewBlockReader(bytes.NewReader(data), car.WithTrustedCAR(true), car.MaxAllowedHeaderSize(maxCARHeader))
		if wrong != nil {
			if len(got) > 0 || err == nil {
				t.Fatalf("go-car sees no archive: %v", wrong)
			}
			return
		}
		for i, b := range got {
			their, wrong := theirs.Next()
			if wrong != nil || !their.Cid().Equals(b.cid) || !bytes.Equal(their.RawData(), b.data) {
				t.Fatalf("block %d: go-car has %v, %v", i, their, wrong)
			}
		}
		if their, wrong := theirs.Next(); err == nil && wrong != io.EOF {
			t.Fatalf("go-car has one more: %v", fmt.Sprint(their, wrong))
		}
	})
}
