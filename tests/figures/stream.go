package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ipp/tests/peers"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// What the network costs without bitswap: one stream of libp2p (TCP, Noise, Yamux)
// brings the bytes, a MiB at a time, which both ends hash.

const (
	bareProtocol = "/ipp/figures/bare"
	bareBlock    = 1 << 20
)

// giveStream gives a file to whoever asks, until it is ended, and prints where.
func giveStream(ctx context.Context, path string) error {
	host, err := peers.NewHost()
	if err != nil {
		return err
	}
	defer host.Close()
	host.SetStreamHandler(bareProtocol, func(s network.Stream) {
		f, err := os.Open(path)
		if err == nil {
			defer f.Close()
			err = hashed(s, f)
		}
		if err != nil {
			_ = s.Reset() // the other end tells
			return
		}
		_ = s.Close()
	})
	fmt.Printf("%s/p2p/%s\n", host.Addrs()[0], host.ID())
	<-ctx.Done()
	return nil
}

// takeStream takes it from there.
func takeStream(ctx context.Context, from, to string) (err error) {
	host, err := peers.NewHost()
	if err != nil {
		return err
	}
	defer host.Close()
	p, err := peer.AddrInfoFromString(from)
	if err != nil {
		return err
	}
	host.Peerstore().AddAddrs(p.ID, p.Addrs, time.Hour)
	s, err := host.NewStream(ctx, p.ID, bareProtocol)
	if err != nil {
		return err
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return hashed(f, s)
}

// hashed copies and hashes blocks.
func hashed(to io.Writer, from io.Reader) error {
	block := make([]byte, bareBlock)
	for {
		n, err := io.ReadFull(from, block)
		sha256.Sum256(block[:n]) // for what it costs: the file is compared in the end
		if _, err := to.Write(block[:n]); err != nil {
			return err
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// streamed takes the package's file by one stream.
func streamed(b *bench, s serving) ([]side, error) {
	file := filepath.Join(strings.TrimSuffix(s.car, ".car"), bigFile(0))
	address, err := b.background(step{argv: []string{b.self, "-give", file}}, "\n")
	if err != nil {
		return nil, err
	}
	to := filepath.Join(b.dir, "streamed")
	return []side{{name: "one libp2p stream of the same bytes, hashed at both ends, + `sync -f`", before: b.sync,
		check: func(int) error {
			return errors.Join(b.do(step{argv: []string{"cmp", file, to}}), os.Remove(to))
		},
		steps: func(int) []step {
			return []step{{argv: []string{b.self, "-take", strings.TrimSpace(address), "--", to}}, {argv: []string{"sync", "-f", to}}}
		}}}, nil
}
