package ipfs_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ipp/store/dag"
	"ipp/store/ipfs"

	"github.com/ipfs/go-cid"
)

func fetcher(t *testing.T, sources ...ipfs.Source) *ipfs.Fetcher {
	t.Helper()
	f := ipfs.New(testLimits(), sources...)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// readTree reads the part "here" of a tree as a store does: its shape, then its
// leaves, told ahead.
func readTree(ctx context.Context, f dag.Blocks, root cid.Cid) (int64, error) {
	opt := dag.WalkOptions{Omit: func(path string) bool { return path == "other" }}
	var total int64
	visit := func(e *dag.Entry) error { total += e.Size; return nil }
	if err := dag.Walk(ctx, f, root, opt, visit); err != nil {
		return 0, err
	}
	if r, ok := f.(dag.Remote); ok {
		defer r.Expect(ctx, dag.Expected{Root: root, Walk: opt, Bytes: total, Within: total,
			Lacks: func(e *dag.Entry) []dag.Leaf { return e.Leaves }})()
	}
	var read int64
	err := dag.Walk(ctx, f, root, opt, func(e *dag.Entry) error {
		for _, l := range e.Leaves {
			data, err := dag.ReadLeaf(ctx, f, l)
			if err != nil {
				return err
			}
			read += int64(len(data))
		}
		return nil
	})
	if err == nil && read != total {
		err = errors.New("what was read is not as large as what was to be read")
	}
	return read, err
}

func TestOneSource(t *testing.T) {
	b, root := tree(t, 5, 20)
	s := honest(b)
	want, err := readTree(t.Context(), b, root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readTree(t.Context(), fetcher(t, s), root)
	if err != nil || got != want {
		t.Fatalf("read %d bytes, %v; want %d", got, err, want)
	}
	if n := s.asked.Load(); n > int64(len(b))/2+3 {
		t.Errorf("%d blocks were asked for, of %d in all and half of them in the part", n, len(b))
	}
}

func TestNineHostileAndOneHonest(t *testing.T) {
	b, root := tree(t, 3, 10)
	for _, last := range []bool{true, false} {
		sources := append(hostile(), honest(b))
		if !last {
			sources = append([]ipfs.Source{honest(b)}, hostile()...)
		}
		f := fetcher(t, sources...)
		if _, err := readTree(t.Context(), f, root); err != nil {
			t.Errorf("honest is last: %v: %v", last, err)
		}
	}
}

func TestAllHostile(t *testing.T) {
	_, root := tree(t, 1, 1)
	f := fetcher(t, hostile()...)
	_, err := readTree(t.Context(), f, root)
	e, ok := errors.AsType[*ipfs.UnreachableError](err)
	if !ok || e.Absent() {
		t.Fatalf("want an UnreachableError of a network that failed, not %v", err)
	}
	for _, o := range f.Outcomes() {
		want := map[string]string{"liar": "other bytes", "silent": "sent nothing", "trickling": "too little",
			"flooding": "more than", "failing": "connection refused", "empty": "not exist"}[o.Name]
		if o.Err == nil || !strings.Contains(o.Err.Error(), want) {
			t.Errorf("%s: %v, want %q", o.Name, o.Err, want)
		}
	}
}

func TestAbsent(t *testing.T) {
	_, root := tree(t, 1, 1)
	_, err := fetcher(t, empty(), empty()).Block(t.Context(), root)
	if e, ok := errors.AsType[*ipfs.UnreachableError](err); !ok || !e.Absent() {
		t.Errorf("want an UnreachableError that is Absent, not %v", err)
	}
	_, err = fetcher(t).Block(t.Context(), root)
	if e, ok := errors.AsType[*ipfs.UnreachableError](err); !ok || e.Absent() {
		t.Errorf("nobody was asked: %v", err)
	}
}

func TestASourceThatFailsOnceIsAskedAgain(t *testing.T) {
	b, root := tree(t, 1, 1)
	s := honest(b)
	times, answer := 0, s.answer
	s.answer = func(ctx context.Context, c cid.Cid, report func(int)) ([]byte, error) {
		if times++; times < 3 {
			return nil, errors.New("try again")
		}
		return answer(ctx, c, report)
	}
	if _, err := fetcher(t, s).Block(t.Context(), root); err != nil {
		t.Error(err)
	}
}

// The bytes of a source that was caught lying count for nothing, and it is never
// asked again.
func TestALiarIsDropped(t *testing.T) {
	b, root := tree(t, 3, 10)
	bad, good := liar(), honest(b)
	f := fetcher(t, bad, good)
	if _, err := readTree(t.Context(), f, root); err != nil {
		t.Fatal(err)
	}
	if n := bad.asked.Load(); n > 8 {
		t.Errorf("the liar was asked %d times", n)
	}
	if o := f.Outcomes()[0]; o.Bytes != 0 || o.Err == nil {
		t.Errorf("outcome of the liar: %+v", o)
	}
}

func TestCancel(t *testing.T) {
	_, root := tree(t, 1, 1)
	s := silent()
	s.patience = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(patience, cancel)
	if _, err := fetcher(t, s).Block(ctx, root); !errors.Is(err, context.Canceled) {
		t.Errorf("want context.Canceled, not %v", err)
	}
}

func TestEmptyBlockNeedsNobody(t *testing.T) {
	b := blocks{}
	l := leafOf(b, nil)
	if data, err := fetcher(t, failing()).Block(t.Context(), l.CID); err != nil || len(data) != 0 {
		t.Errorf("%q, %v", data, err)
	}
}

// streaming is a source that can also send a DAG whole.
type streaming struct {
	*source
	stream func(ctx context.Context, root cid.Cid, report func(int), each func(cid.Cid, []byte) error) error
}

func (s *streaming) Stream(ctx context.Context, root cid.Cid, report func(int), each func(cid.Cid, []byte) error) error {
	return s.stream(ctx, root, report, each)
}

func carOf(t *testing.T, b dag.Blocks, root cid.Cid) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := dag.WriteCAR(t.Context(), &buf, b, root, dag.WalkOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestStream(t *testing.T) {
	b, root := tree(t, 5, 40)
	for name, cut := range map[string]func(int) int{
		"whole":     func(n int) int { return n },
		"cut short": func(n int) int { return n / 2 },
		"nothing":   func(int) int { return 0 },
	} {
		t.Run(name, func(t *testing.T) {
			s := &streaming{source: honest(b)}
			leaves := 0
			s.stream = func(ctx context.Context, root cid.Cid, report func(int), each func(cid.Cid, []byte) error) error {
				car := carOf(t, b, root)
				return dag.ReadCAR(bytes.NewReader(car[:cut(len(car))]), func(c cid.Cid, data []byte) error {
					if c.Type() == cid.Raw {
						leaves++
					}
					report(len(data))
					return each(c, data)
				})
			}
			f := fetcher(t, s)
			if _, err := readTree(t.Context(), f, root); err != nil {
				t.Fatal(err)
			}
			if n := s.asked.Load(); name == "whole" && n > 20 {
				t.Errorf("%d blocks were asked for one by one, %d leaves came by the stream", n, leaves)
			}
		})
	}
}

// A stream that never ends, of blocks that are good and nobody wants, is cut.
func TestEndlessStream(t *testing.T) {
	b, root := tree(t, 5, 40)
	s := &streaming{source: honest(b)}
	sent := 0
	s.stream = func(ctx context.Context, root cid.Cid, report func(int), each func(cid.Cid, []byte) error) error {
		for i := 0; ; i++ {
			data := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, dag.LeafSize/2)
			l := leafOf(blocks{}, data)
			report(len(data))
			sent += len(data)
			if err := each(l.CID, data); err != nil {
				return err
			}
			if sent > 1<<30 {
				return errors.New("nobody stopped it")
			}
		}
	}
	f := fetcher(t, s, honest(b))
	if _, err := readTree(t.Context(), f, root); err != nil {
		t.Fatal(err)
	}
	if sent > 64<<20 {
		t.Errorf("%d bytes were taken", sent)
	}
}

// One connection that breaks ends many questions, and is one failure.
func TestManyQuestionsThatFailAtOnce(t *testing.T) {
	b := blocks{}
	s := honest(b)
	answer := s.answer
	var asked atomic.Int64
	broken := make(chan struct{})
	s.answer = func(ctx context.Context, c cid.Cid, report func(int)) ([]byte, error) {
		n := asked.Add(1)
		if n > int64(s.Width()) {
			return answer(ctx, c, report)
		}
		if n == int64(s.Width()) {
			close(broken)
		}
		<-broken
		return nil, errors.New("connection reset")
	}
	f := fetcher(t, s)
	errs := make(chan error, s.Width())
	var leaves []dag.Leaf
	for i := range s.Width() {
		leaves = append(leaves, leafOf(b, []byte{byte(i)}))
	}
	for _, l := range leaves {
		go func() {
			_, err := f.Block(t.Context(), l.CID)
			errs <- err
		}()
	}
	for range s.Width() {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
