package cmd

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"

	"ipp/cmd/term"
	"ipp/store/dag"
	"ipp/store/ipfs/node"
	"ipp/store/ipfs/pin"

	"github.com/ipfs/go-cid"
)

// toKubo gives a node what is here, has it pinned, and looks whether it is. It
// says where the node is reached by bitswap.
func (v *publishing) toKubo(ctx context.Context, t *pinTarget, o *offered, out *publishedPin) ([]string, error) {
	root := dag.V1(o.pkg.Root)
	id, err := t.kubo.Identity(ctx)
	if err != nil {
		return nil, targetFailed(t, o, err)
	}
	out.Pin, out.Before, err = t.kubo.Pinned(ctx, root)
	if err != nil || out.Before {
		return id.Addresses, targetFailed(t, o, err)
	}
	if err := v.send(ctx, t, o, out); err != nil {
		return nil, err
	}
	status := v.a.term.Status()
	defer status.Done()
	status.Show("waiting for " + term.Safe(t.name()) + " to pin " + label(o.pkg))
	if err := t.kubo.Pin(ctx, root, o.pin(), pinsAsked); err != nil {
		return nil, targetFailed(t, o, err)
	}
	name, ok, err := t.kubo.Pinned(ctx, root)
	if err == nil && !ok {
		err = errors.New("it says that it pinned it, and lists no such pin")
	}
	out.Pin = name
	return id.Addresses, targetFailed(t, o, err)
}

// send gives a node the blocks that are here.
func (v *publishing) send(ctx context.Context, t *pinTarget, o *offered, out *publishedPin) error {
	report, done := v.a.meter("sending "+label(o.pkg), int64(o.pkg.DagSize))
	defer done()
	return targetFailed(t, o, t.kubo.Import(ctx, func(w io.Writer) error {
		return dag.WriteCAR(ctx, w, o.src, o.pkg.Root, o.walk(), func(n int64) {
			report(n)
			out.Sent += n
		})
	}))
}

// toService has a service fetch what is here, and waits until it has. It says who
// fetched for it.
func (v *publishing) toService(ctx context.Context, t *pinTarget, o *offered, out *publishedPin) ([]string, error) {
	shelf, err := v.serve()
	if err != nil {
		return nil, err
	}
	status := v.a.term.Status()
	defer status.Done()
	sent := func() uint64 {
		_, n := shelf.Served()
		status.Show("waiting for " + term.Safe(t.name()) + " to fetch " + label(o.pkg) + "; " + term.Bytes(int64(n)) + " sent")
		return n
	}
	before := sent()
	meetings := &meetings{node: shelf, met: map[string]bool{}}
	defer meetings.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req := pin.Request{CID: dag.V1(o.pkg.Root), Name: o.pin(), Origins: shelf.Reached(t.service.Host()), Meta: map[string]string{"application": "ipp"}}
	st, was, err := t.service.Keep(ctx, req, func(peers []string) { meetings.meet(ctx, peers) }, sent)
	out.Pin, out.Before = o.pin(), was
	out.Sent = int64(sent() - before)
	return st.Delegates, targetFailed(t, o, err)
}

// meetings are the connections to those that fetch for a service: they may be able
// to ask where they are unable to connect.
type meetings struct {
	sync.WaitGroup
	node *node.Node
	met  map[string]bool
}

// mostPeers is how many peers of a target are connected to at most.
const mostPeers = 64

// meet connects to those that were not tried yet. Who can't be connected to may
// still connect to us.
func (m *meetings) meet(ctx context.Context, peers []string) {
	for _, address := range node.Dialable(peers) {
		if m.met[address] || len(m.met) >= mostPeers {
			continue
		}
		m.met[address] = true
		m.Go(func() { _ = m.node.Meet(ctx, address) })
	}
}

// serve begins to serve what is published to whoever asks by bitswap.
func (v *publishing) serve() (*node.Node, error) {
	if v.node != nil {
		return v.node, nil
	}
	_, key, err := ed25519.GenerateKey(rand.Reader) // nobody has to know it again
	if err != nil {
		return nil, err
	}
	at, err := v.places()
	if err != nil {
		return nil, err
	}
	if v.node, err = node.Server(key, handout(v.packages), at...); err != nil {
		return nil, cantListen(strings.Join(at, ", "), err)
	}
	v.closers = append(v.closers, v.node.Close)
	return v.node, nil
}

// handout serves the blocks of what is published, and no others.
type handout []*offered

// Block implements node.Blocks.
func (h handout) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	for _, o := range h {
		data, err := dag.Get(ctx, o.src, c)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
	}
	return nil, fmt.Errorf("block %s: %w", c, fs.ErrNotExist)
}

// Size implements node.Blocks.
func (h handout) Size(ctx context.Context, c cid.Cid) (int64, error) {
	data, err := h.Block(ctx, c)
	return int64(len(data)), err
}
