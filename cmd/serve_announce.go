package cmd

import (
	"context"
	"errors"
	"slices"
	"time"

	"ipp/cmd/term"
	"ipp/store/ipfs/node"

	"github.com/ipfs/go-cid"
)

// announceEvery is how often serve looks whether there is something to tell.
const announceEvery = 30 * time.Second

// announce tells the configured routers which packages are served here: when they
// change, and again before what was told counts no more. Only the roots: who has
// one asks its owner for the rest.
func (v *server) announce(ctx context.Context, conf networkConfig) {
	if conf.Offline {
		return
	}
	for _, router := range conf.Announce {
		v.telling.Go(func() { v.announceTo(ctx, router) })
	}
}

func (v *server) announceTo(ctx context.Context, router string) {
	var told []cid.Cid
	var when time.Time
	failed := false
	for {
		roots, err := v.roots(ctx)
		if err == nil && (!slices.Equal(roots, told) || v.a.now().Sub(when) > node.AnnounceTTL/2) {
			if err = v.node.Announce(ctx, router, roots); err == nil {
				told, when, failed = roots, v.a.now(), false
			}
		}
		if ctx.Err() != nil || errors.Is(err, node.ErrUnreachable) {
			if ctx.Err() == nil {
				v.a.warn("%s is told nothing: %s; --listen /ip4/0.0.0.0/tcp/8632 makes one that they do", term.Safe(router), term.Safe(err.Error()))
			}
			return
		}
		if err != nil && !failed { // said once, until it works again
			failed = true
			v.a.warn("%s can't be told what is served here, and is tried again: %s", term.Safe(router), term.Safe(err.Error()))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(announceEvery):
		}
	}
}

// roots are those of the packages that are served now, sorted.
func (v *server) roots(ctx context.Context) (roots []cid.Cid, err error) {
	packages, err := v.shelf.packages(ctx)
	for _, p := range packages {
		roots = append(roots, p.root)
	}
	slices.SortFunc(roots, func(a, b cid.Cid) int { return slices.Compare(a.Bytes(), b.Bytes()) })
	return roots, err
}
