package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"ipp/cmd/term"
	"ipp/store/dag"
	"ipp/store/ipfs"
	"ipp/store/ipfs/node"

	"github.com/ipfs/go-cid"
)

// askers is how many blocks are asked for at once when they are fetched back.
const askers = 64

// fetchBack fetches every block that was published by another way than it went:
// from the target's peers, or from what --verify-from names.
func (v *publishing) fetchBack(ctx context.Context, t *pinTarget, o *offered, peers []string, out *publishedPin) error {
	reach, from, err := v.ways(t, o, peers)
	if err != nil {
		return err
	}
	blocks, err := blocksOf(ctx, o)
	if err != nil {
		return failed("publish", o.typed, err)
	}
	f := reach.fetcher()
	report, done := v.a.meter("fetching back "+label(o.pkg), int64(o.pkg.DagSize))
	lost, err := lacking(ctx, f, blocks, report)
	done()
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if len(lost) > 0 {
		return lostBlocks(t, o, lost, len(blocks), from)
	}
	out.Verified, out.VerifiedFrom = len(blocks), from
	return nil
}

// ways are the sources to fetch back from, and what they are called.
func (v *publishing) ways(t *pinTarget, o *offered, peers []string) (*reachable, string, error) {
	if len(v.cmd.VerifyFrom) > 0 {
		r, err := v.sourcesOf("--verify-from", v.cmd.VerifyFrom, networkConfig{})
		return r, strings.Join(v.cmd.VerifyFrom, ", "), err
	}
	peers = node.Dialable(peers)
	if len(peers) == 0 {
		return nil, "", &failure{verb: "publish", object: o.typed + " to " + t.typed, code: exitNetwork,
			err:   errors.New("it is pinned, but nobody says where it can be fetched back from by bitswap over TCP"),
			hints: []string{"say where: --verify-from URL of a gateway, or the address of a peer"}}
	}
	r, err := v.sourcesOf("the address", peers[:min(len(peers), mostPeers)], networkConfig{})
	return r, t.name() + " by bitswap", err
}

// wantedBlock is a block, and a path that it is part of.
type wantedBlock struct {
	cid  cid.Cid
	path string
}

// blocksOf lists the blocks of what is here of a package, each once.
func blocksOf(ctx context.Context, o *offered) (list []wantedBlock, err error) {
	seen := map[string]bool{}
	add := func(c cid.Cid, path string) {
		if _, inline := dag.Inline(c); !inline && !seen[string(c.Hash())] {
			seen[string(c.Hash())] = true
			list = append(list, wantedBlock{c, path})
		}
	}
	opt := o.walk()
	var nodes []cid.Cid // of the entry that is visited next
	opt.Block = func(c cid.Cid, _ []byte) error {
		nodes = append(nodes, c)
		return nil
	}
	err = dag.Walk(ctx, o.src, o.pkg.Root, opt, func(e *dag.Entry) error {
		for _, c := range nodes {
			add(c, e.Path)
		}
		nodes = nodes[:0]
		for _, l := range e.Leaves {
			add(l.CID, e.Path)
		}
		return nil
	})
	for _, c := range nodes {
		add(c, "")
	}
	return list, err
}

// lostBlock is one that could not be fetched back, and why.
type lostBlock struct {
	wantedBlock
	err error
}

// lacking asks for every block, and lists those that nobody gave. Where nobody is
// left to ask, the rest is not asked for one by one.
func lacking(ctx context.Context, f *ipfs.Fetcher, blocks []wantedBlock, report func(int64)) (lost []lostBlock, err error) {
	asking, stop := context.WithCancel(ctx)
	defer stop()
	next := make(chan wantedBlock)
	var mu sync.Mutex
	var all sync.WaitGroup
	for range askers {
		all.Go(func() {
			for b := range next {
				data, err := dag.Get(asking, f, b.cid)
				report(int64(len(data)))
				if err == nil || asking.Err() != nil {
					continue
				}
				mu.Lock()
				lost = append(lost, lostBlock{b, err})
				mu.Unlock()
				if e, ok := errors.AsType[*ipfs.UnreachableError](err); !ok || !e.Absent() {
					stop()
				}
			}
		})
	}
	for _, b := range blocks {
		select {
		case next <- b:
			continue
		case <-asking.Done():
		}
		break
	}
	close(next)
	all.Wait()
	return lost, ctx.Err()
}

// lostBlocks says which blocks did not come back.
func lostBlocks(t *pinTarget, o *offered, lost []lostBlock, of int, from string) error {
	first := lost[0]
	what := "/" + first.path
	if first.path == "" {
		what = "the package's own directory"
	}
	cause := first.err
	if e, ok := errors.AsType[*ipfs.UnreachableError](cause); ok {
		cause = errors.New(e.Verdict())
	}
	return &failure{verb: "publish", object: o.typed + " to " + t.typed, code: exitNetwork,
		err: fmt.Errorf("it is pinned, but does not come back whole from %s: at least %d of %s are lacking, first %s of %s: %w",
			term.Safe(from), len(lost), plural(of, "block"), first.cid, term.Safe(what), cause),
		hints: []string{"try again later: others may not have found it yet", "or fetch it back from elsewhere: --verify-from SOURCE"}}
}
