package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"ipp/store/dag"

	"github.com/ipfs/boxo/bitswap/message"
	pb "github.com/ipfs/boxo/bitswap/message/pb"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

var errEnough = errors.New("enough")

func sum(data []byte) cid.Cid {
	h, err := mh.Sum(data, mh.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	return cid.NewCidV1(cid.Raw, h)
}

// noted is what ReadAnswers handed on.
type noted struct {
	blocks, absences []string
	held             int // bytes that there is room for now
	most             int
	useless          int
}

func (n *noted) Room(size int) (func(), error) {
	n.held += size
	n.most = max(n.most, n.held)
	return func() { n.held -= size }, nil
}

func (n *noted) Came(int) {}

func (n *noted) Block(prefix, data []byte) error {
	p, err := cid.PrefixFromBytes(prefix)
	if err != nil {
		return err
	}
	c, err := p.Sum(data)
	if err != nil {
		return err
	}
	n.blocks = append(n.blocks, c.String())
	return nil
}

func (n *noted) Absent(c cid.Cid) { n.absences = append(n.absences, c.String()) }

func (n *noted) Idle(size int) error {
	if n.useless += size; n.useless > 1<<20 {
		return errEnough
	}
	return nil
}

func readAll(data []byte) (*noted, error) {
	n := &noted{}
	r := bufio.NewReaderSize(bytes.NewReader(data), 16)
	for {
		err := ReadAnswers(r, n)
		if err == io.EOF {
			slices.Sort(n.blocks)
			slices.Sort(n.absences)
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// samples are messages that boxo makes.
func samples(t testing.TB) (list [][]byte) {
	t.Helper()
	all := message.New(true)
	for i := range 3 { // small, for the fuzzer
		data := fmt.Appendf(nil, "block %0*d", 1+30*i, i)
		b, err := blocks.NewBlockWithCid(data, sum(data))
		if err != nil {
			t.Fatal(err)
		}
		all.AddBlock(b)
		all.AddBlock(blocks.NewBlock(data)) // CIDv0
		all.AddHave(sum(fmt.Append(nil, "have", i)))
		all.AddDontHave(sum(fmt.Append(nil, "none", i)))
		all.AddEntry(sum(fmt.Append(nil, "want", i)), int32(i), pb.Message_Wantlist_Have, true)
		all.Cancel(sum(fmt.Append(nil, "cancel", i)))
	}
	all.SetPendingBytes(1000)
	for _, m := range []message.BitSwapMessage{all, message.New(false)} {
		for _, write := range []func(io.Writer) error{m.ToNetV1, m.ToNetV0} {
			var buf bytes.Buffer
			if err := write(&buf); err != nil {
				t.Fatal(err)
			}
			list = append(list, buf.Bytes())
		}
	}
	return append(list, slices.Concat(list...))
}

// sameAsBoxo: boxo reads the same blocks, and that the same are not there.
func sameAsBoxo(t *testing.T, data []byte, n *noted) {
	t.Helper()
	var want noted
	in := bytes.NewReader(data)
	for in.Len() > 0 {
		m, _, err := message.FromNet(in)
		if err != nil {
			return // it is stricter with what is of no use here, such as wants
		}
		for _, c := range m.DontHaves() {
			want.absences = append(want.absences, c.String())
		}
		for _, b := range m.Blocks() {
			want.blocks = append(want.blocks, b.Cid().String())
		}
	}
	for _, c := range want.absences {
		if !slices.Contains(n.absences, c) {
			t.Errorf("that %s is not there is missed", c)
		}
	}
	for _, c := range want.blocks {
		if !slices.Contains(n.blocks, c) && !strings.HasPrefix(c, "Qm") { // bitswap 1.0.0 has those in a field that nobody uses
			t.Errorf("block %s is missed", c)
		}
	}
}

func TestMessages(t *testing.T) {
	for i, data := range samples(t) {
		n, err := readAll(data)
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		sameAsBoxo(t, data, n)
		if i == 0 && (len(n.blocks) != 6 || len(n.absences) != 3) {
			t.Errorf("%d blocks and %d absences", len(n.blocks), len(n.absences))
		}
		if n.held != 0 {
			t.Errorf("%d: room for %d bytes was not given back", i, n.held)
		}
	}
}

// TestAsking: boxo reads what we ask for.
func TestAsking(t *testing.T) {
	a, b := sum([]byte("a")), sum([]byte("b"))
	m, _, err := message.FromNet(bytes.NewReader(Asking([]Entry{{CID: a}, {CID: b, Cancel: true}}, 7)))
	if err != nil {
		t.Fatal(err)
	}
	if m.Full() || len(m.Wantlist()) != 2 {
		t.Errorf("%+v", m)
	}
	for _, e := range m.Wantlist() {
		first := e.Cid == a
		if e.Cancel == first || e.SendDontHave != first || e.WantType != pb.Message_Wantlist_Block || first != (e.Priority == 7) {
			t.Errorf("%+v", e)
		}
	}
}

// FuzzMessage: reading what a peer sends never panics, never holds more than one
// block, takes memory by what was sent, and sees what boxo sees.
func FuzzMessage(f *testing.F) {
	for _, data := range samples(f) {
		f.Add(data)
	}
	f.Add([]byte{20, 0x1a, 200, 1, 2, 3})
	f.Add([]byte{0xff, 0xff, 0xff, 0x7f})
	f.Add([]byte{6, 0x1a, 4, 0x12, 2, 'h', 'i'})
	f.Add([]byte{2, 8, 1, 0, 0, 3, 0x22, 1, 8})
	f.Fuzz(func(t *testing.T, data []byte) {
		before := allocated()
		n, err := readAll(data)
		if got := allocated() - before; got > uint64(dag.MaxBlock*4+len(data)*200) {
			t.Errorf("%d bytes took %d", len(data), got)
		}
		if n.most > dag.MaxBlock || n.held != 0 {
			t.Errorf("room for %d bytes, %d in the end", n.most, n.held)
		}
		if err == nil {
			sameAsBoxo(t, data, n)
		}
	})
}

// listed is what ReadWants handed on.
type listed struct {
	noted
	all []Wanted
}

func (l *listed) Want(w Wanted) error { l.all = append(l.all, w); return nil }

// FuzzWants: reading what a peer asks for never panics, takes memory by what was
// sent, and sees what boxo sees.
func FuzzWants(f *testing.F) {
	for _, data := range samples(f) {
		f.Add(data)
	}
	f.Add(Asking([]Entry{{CID: sum([]byte("a"))}, {CID: sum([]byte("b")), Cancel: true}}, 5))
	f.Add([]byte{6, 0x0a, 4, 0x0a, 2, 0x0a, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		before := allocated()
		var l listed
		r := bufio.NewReaderSize(bytes.NewReader(data), 16)
		err := ReadWants(r, &l)
		if got := allocated() - before; got > uint64(1<<20+len(data)*400) {
			t.Errorf("%d bytes took %d", len(data), got)
		}
		if err != nil {
			return
		}
		m, _, err := message.FromNet(bytes.NewReader(data))
		if err != nil {
			return // it reads what is of no use here too
		}
		seen := map[cid.Cid]bool{}
		for _, w := range l.all {
			seen[w.CID] = true
		}
		if len(seen) != len(m.Wantlist()) {
			t.Errorf("%d wants, boxo sees %d", len(seen), len(m.Wantlist()))
		}
		for _, e := range m.Wantlist() {
			if !seen[e.Cid] {
				t.Errorf("boxo sees that %s is wanted", e.Cid)
			}
		}
	})
}

// TestReply: boxo and we read what we reply with.
func TestReply(t *testing.T) {
	small, large := []byte("small"), make([]byte, Large)
	for _, blocks := range [][][]byte{{small, {}}, {small, large}, {large}, nil} {
		var r Reply
		r.Presence(sum([]byte("here")), true)
		r.Presence(sum([]byte("not here")), false)
		for _, b := range blocks {
			r.Block(sum(b), b)
		}
		text := slices.Concat(r.Parts()...)
		n, err := readAll(text)
		if err != nil || len(n.blocks) != len(blocks) || len(n.absences) != 1 {
			t.Errorf("%+v, %v", n, err)
		}
		m, _, err := message.FromNet(bytes.NewReader(text))
		if err != nil || len(m.Blocks()) != len(blocks) || len(m.Haves()) != 1 || len(m.DontHaves()) != 1 {
			t.Errorf("boxo: %v", err)
		}
	}
	if parts := new(Reply).Parts(); parts != nil {
		t.Errorf("nothing has parts: %q", parts)
	}
}

// TestWants: each kind of want is read as boxo writes it.
func TestWants(t *testing.T) {
	m := message.New(true)
	a, b, c := sum([]byte("a")), sum([]byte("b")), sum([]byte("c"))
	m.AddEntry(a, 5, pb.Message_Wantlist_Block, true)
	m.AddEntry(b, 5, pb.Message_Wantlist_Have, false)
	m.Cancel(c)
	var buf bytes.Buffer
	if err := m.ToNetV1(&buf); err != nil {
		t.Fatal(err)
	}
	var l listed
	if err := ReadWants(bufio.NewReader(&buf), &l); err != nil {
		t.Fatal(err)
	}
	want := map[cid.Cid]Wanted{a: {CID: a, DontHave: true}, b: {CID: b, Have: true}, c: {CID: c, Cancel: true}}
	for _, w := range l.all {
		if w != want[w.CID] {
			t.Errorf("%+v, want %+v", w, want[w.CID])
		}
	}
	if len(l.all) != 3 {
		t.Errorf("%+v", l.all)
	}
}

func allocated() uint64 {
	all := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(all)
	return all[0].Value.Uint64()
}
