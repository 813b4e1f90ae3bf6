// Package ipfs fetches the blocks of packages from IPFS: from trustless
// gateways, Kubo nodes, peers and archives, each alone or several together.
//
// A Source gives blocks by CID, and a Fetcher makes one dag.Blocks of several.
// What it adds is judgement: whom to ask first, when to ask somebody else as
// well, and whom to ask no more. It also asks ahead, because over a network a
// hundred questions take as long as one.
//
// Invariants.
//
//   - Nothing is handed on that does not hash to its CID (dag.Verify), whoever
//     it came from. A source that sends other bytes is dropped.
//   - Every wait ends: a source that sends nothing for its patience is dropped,
//     and so is one that sends less than MinRate. With no source left the error
//     is an *UnreachableError that says what became of each.
//   - A source that is slow, but not slow enough to be dropped, holds up nobody who
//     has another: a block that takes longer than Grace is asked of another one as
//     well, who loses such a race is asked later the next time, and a stream with
//     less than StreamRate is left.
//   - Memory is bounded, whatever is sent: Window bytes of blocks that are ahead
//     of the walk, Nodes bytes of nodes, and a block for each question that is
//     under way.
//   - Nothing is written. What was verified lies where the store stages it, and
//     that is where an interrupted fetch goes on.
//
// Concurrency: a Fetcher is safe for concurrent use, and so must a Source be.
package ipfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
)

// Source is somebody who may have blocks. Nothing that it gives is trusted.
type Source interface {
	// Name is how people know it.
	Name() string
	// Block gets one block, as it came; the error Is fs.ErrNotExist where the
	// source says that it has none. More than dag.MaxBlock bytes are never read. It
	// reports bytes as they come in.
	Block(ctx context.Context, c cid.Cid, report func(n int)) ([]byte, error)
	// Width is how many blocks may be asked for at once.
	Width() int
	// Patience is how long it may be silent before it counts as gone.
	Patience() time.Duration
	Close() error
}

// Streamer is a Source that can send a whole DAG with one question.
type Streamer interface {
	Source
	// Stream gets all blocks below root, in the order of a walk, each once and
	// verified.
	Stream(ctx context.Context, root cid.Cid, report func(n int), each func(c cid.Cid, data []byte) error) error
}

// Finder finds sources of a block, when those that are known have none.
type Finder interface {
	// Name is how people know it.
	Name() string
	// Find hands on each source that was not known before, as it is found. In the
	// end the error says why there are no more; it Is fs.ErrNotExist where that is
	// all. nil: nobody was asked.
	Find(ctx context.Context, c cid.Cid, found func(Source)) error
	Close() error
}

// ErrOther is the error of a source that sent what nobody asked for: it is
// dropped.
var ErrOther = errors.New("it sent other bytes than were asked for")

// Limits of a Fetcher. The zero value stands for DefaultLimits.
type Limits struct {
	MinRate    int64         // bytes a second that a source has to send, once it had Grace
	Grace      time.Duration // before MinRate counts
	StreamRate int64         // bytes a second that a stream has to bring, once it had Grace, where others can be asked
	Hedge      time.Duration // of silence, before another source is asked as well
	Window     int64         // bytes of leaves that were asked for ahead
	Nodes      int64         // bytes of nodes that are kept
	Small      int64         // bytes of leaves that are kept, of smallLeaf bytes each at most
}

// DefaultLimits are those of a usual machine.
func DefaultLimits() Limits {
	return Limits{MinRate: 1 << 10, Grace: 10 * time.Second, StreamRate: 64 << 10, Hedge: time.Second, Window: 16 << 20, Nodes: 24 << 20, Small: 1 << 20}
}

// Outcome is what became of one source.
type Outcome struct {
	Name   string
	Bytes  int64 // verified
	Blocks int64
	Err    error // why it was dropped, or what it said last; nil: nothing went wrong
}

// UnreachableError says that no source gave a block, and what each said.
type UnreachableError struct {
	CID   cid.Cid
	Tried []Outcome
}

func (e *UnreachableError) Error() string {
	if len(e.Tried) == 0 {
		return fmt.Sprintf("fetch block %s: there is no source to ask", e.CID)
	}
	said := make([]string, len(e.Tried))
	for i, t := range e.Tried {
		said[i] = fmt.Sprintf("%s: %v", t.Name, t.Err)
	}
	what := "no source gave it"
	if e.Absent() {
		what = "no source has it"
	}
	return fmt.Sprintf("fetch block %s: %s: %s", e.CID, what, strings.Join(said, "; "))
}

// Absent says that each source was reached, and has no such block.
func (e *UnreachableError) Absent() bool {
	for _, t := range e.Tried {
		if !errors.Is(t.Err, fs.ErrNotExist) {
			return false
		}
	}
	return len(e.Tried) > 0
}

// Verdict is what Error says after the block.
func (e *UnreachableError) Verdict() string {
	_, verdict, _ := strings.Cut(e.Error(), e.CID.String()+": ")
	return verdict
}

// DroppedError says why a source is asked no more.
type DroppedError struct {
	Why string
	Err error // may be nil
}

func (e *DroppedError) Error() string {
	if e.Err == nil {
		return "dropped: " + e.Why
	}
	return "dropped: " + e.Why + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *DroppedError) Unwrap() error { return e.Err }
