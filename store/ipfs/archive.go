package ipfs

import (
	"context"
	"runtime"
	"time"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// Archive is a CAR file as a source.
type Archive struct {
	name string
	car  *dag.CAR
}

// NewArchive makes a source of an archive, which it closes.
func NewArchive(name string, car *dag.CAR) *Archive { return &Archive{name, car} }

// Name implements Source.
func (a *Archive) Name() string { return a.name }

// Width implements Source.
func (a *Archive) Width() int { return runtime.GOMAXPROCS(0) }

// Patience implements Source: a disk may be slow, and says when it fails.
func (a *Archive) Patience() time.Duration { return time.Minute }

// Close implements Source.
func (a *Archive) Close() error { return a.car.Close() }

// Block implements Source.
func (a *Archive) Block(ctx context.Context, c cid.Cid, report func(int)) ([]byte, error) {
	data, err := a.car.Block(ctx, c)
	report(len(data))
	return data, err
}
