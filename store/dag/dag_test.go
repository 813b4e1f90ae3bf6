package dag

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
)

func TestBuildWriteRead(t *testing.T) {
	ctx := context.Background()
	b := NewBuilder()
	p := NewPool(0)
	data := bytes.Repeat([]byte("x"), 3<<20)
	l, err := p.Leaves(ctx, bytes.NewReader(data), int64(len(data)), nil)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := b.File(l, true)
	d, err := b.Dir(map[string]Link{"a": f})
	if err != nil {
		t.Fatal(err)
	}
	err = Walk(ctx, b, d.CID, WalkOptions{}, func(e *Entry) error { t.Logf("%+v", e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	fn := filepath.Join(t.TempDir(), "x.car")
	o, _ := os.Create(fn)
	w, _ := NewCARWriter(o, d.CID)
	for c, d := range b.blocks {
		w.Put(c, d)
	}
	o.Close()
	c, err := OpenCAR(fn)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(c.Roots())
	if err = Walk(ctx, c, d.CID, WalkOptions{}, func(e *Entry) error { return nil }); err != nil {
		t.Fatal(err)
	}
}
