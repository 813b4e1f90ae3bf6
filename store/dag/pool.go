package dag

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/ipfs/go-cid"
)

// Pool hashes leaves on all cores.
type Pool struct {
	// buffers are the workers' places: who takes one may read and hash a leaf.
	// They are made when first taken, and there are never more.
	buffers chan []byte
}

// NewPool makes a pool of n workers; 0: as many as there are processors.
func NewPool(n int) *Pool {
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	p := &Pool{buffers: make(chan []byte, n)}
	for range n {
		p.buffers <- nil
	}
	return p
}

// Leaves cuts r into raw leaves under the import profile and hashes them.
// report, if set, is told how many bytes were just done, from several
// goroutines. Calls may run side by side and share the pool's workers. An empty
// file has one empty leaf.
func (p *Pool) Leaves(ctx context.Context, r io.ReaderAt, size int64, report func(int64)) ([]Leaf, error) {
	if size < 0 {
		return nil, fmt.Errorf("hash file: its size is %d", size)
	}
	if report == nil {
		report = func(int64) {}
	}
	j := &job{pool: p, r: r, size: size, report: report}
	j.leaves = make([]Leaf, max(1, (size+LeafSize-1)/LeafSize))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range min(cap(p.buffers), len(j.leaves)) - 1 {
		wg.Go(func() { j.run(ctx, cancel) })
	}
	j.run(ctx, cancel) // small files need no goroutine
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return j.leaves, nil
}

// HashFile names the contents of r: Leaves, then ObjectCID.
func (p *Pool) HashFile(ctx context.Context, r io.ReaderAt, size int64, report func(int64)) (cid.Cid, error) {
	leaves, err := p.Leaves(ctx, r, size, report)
	if err != nil {
		return cid.Undef, err
	}
	c, ok := ObjectCID(leaves)
	if !ok {
		return cid.Undef, errors.New("hash file: its leaves are off the import profile")
	}
	return c, nil
}

// job is one file.
type job struct {
	pool   *Pool
	r      io.ReaderAt
	size   int64
	report func(int64)
	leaves []Leaf
	taken  atomic.Int64
}

// run hashes leaves until none is left. Who works on a leaf is decided anew for
// each, so that one large file does not starve the small ones beside it.
func (j *job) run(ctx context.Context, cancel context.CancelCauseFunc) {
	for {
		i := j.taken.Add(1) - 1
		if i >= int64(len(j.leaves)) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case buf := <-j.pool.buffers:
			buf, err := j.leaf(i, buf)
			j.pool.buffers <- buf
			if err != nil {
				cancel(err)
				return
			}
		}
	}
}

// leaf reads and hashes leaf i. It returns the buffer, made if there was none
// or only a smaller one: most files are far from a whole leaf.
func (j *job) leaf(i int64, buf []byte) ([]byte, error) {
	offset := i * LeafSize
	size := min(LeafSize, j.size-offset)
	if int64(cap(buf)) < size {
		buf = make([]byte, size)
	}
	data := buf[:size]
	if n, err := j.r.ReadAt(data, offset); n < len(data) {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return buf, fmt.Errorf("read file at byte %d: %w", offset+int64(n), err)
	}
	j.leaves[i] = Leaf{CID: sum(cid.Raw, data), Offset: offset, Size: int64(len(data))}
	j.report(int64(len(data)))
	return buf, nil
}
