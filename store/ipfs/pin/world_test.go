package pin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"ipp/store/dag"
	"ipp/tests/pinning"

	"github.com/ipfs/go-cid"
)

// soon is how long tests wait for who is silent.
const soon = 300 * time.Millisecond

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.CloseClientConnections) // those that are silent, first of all
	t.Cleanup(func() { go s.Close() })
	return s.URL
}

func newKubo(t *testing.T, fake *pinning.Kubo) *Kubo {
	t.Helper()
	fake.ID = "12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf"
	k, err := NewKubo(serve(t, fake))
	if err != nil {
		t.Fatal(err)
	}
	if fake.Mode == "silent" || fake.Mode == "deaf" { // others answer when the machine lets them
		k.answering, k.taking = soon, soon
	}
	return k
}

func newService(t *testing.T, fake *pinning.Service) *Service {
	t.Helper()
	s, err := NewService(serve(t, fake), "secret-token")
	if err != nil {
		t.Fatal(err)
	}
	s.every, s.slowest = time.Millisecond, time.Millisecond
	switch fake.Mode {
	case "silent":
		s.answering = soon
	case "stuck":
		s.idle = soon
	}
	return s
}

// tree is a directory of one link, and what it links to.
type tree struct {
	*dag.Builder
	root, below cid.Cid
}

func newTree(t *testing.T, name string) *tree {
	t.Helper()
	b := dag.NewBuilder()
	link, err := b.Symlink(name)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := b.Dir(map[string]dag.Link{name: link})
	if err != nil {
		t.Fatal(err)
	}
	return &tree{b, dir.CID, link.CID}
}

// write writes it, all of it or without what is below.
func (tr *tree) write(ctx context.Context, all bool) func(io.Writer) error {
	return func(w io.Writer) error {
		omit := func(path string) bool { return !all && path != "" }
		return dag.WriteCAR(ctx, w, tr, tr.root, dag.WalkOptions{Limits: dag.DefaultLimits(), Omit: omit}, nil)
	}
}

var someWait = Wait{Idle: soon, Most: 10 * time.Second}

func is[T error](t *testing.T, what string, err error) T {
	t.Helper()
	e, ok := errors.AsType[T](err)
	if !ok {
		t.Fatalf("%s: %v (%T), want %T", what, err, err, e)
	}
	return e
}
