package gateway

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// raw answers with one block.
func (h *Handler) raw(w http.ResponseWriter, r *http.Request, q *request) {
	etag := `"` + q.root.String() + `.raw"`
	head := w.Header()
	head.Set("Etag", etag)
	head.Set("Cache-Control", immutable)
	if q.matches(etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	block, err := h.block(r.Context(), q.root)
	if err != nil {
		fail(w, r, err)
		return
	}
	head.Set("X-Ipfs-Roots", q.root.String())
	head.Set("Content-Type", formatRaw)
	q.save(head, q.root.String()+".bin")
	r = r.Clone(r.Context())
	if first, _, several := strings.Cut(r.Header.Get("Range"), ","); several { // one range at most
		r.Header.Set("Range", first)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(block))
}

// truncated stands where a CAR that can't be finished would go on. Its first
// byte says that a block of ten bytes follows, and the next that it has no CID.
const truncated = "\n\n[the CAR ends here and is not complete]"

// emptyCID is the root of a CAR that proves that a path leads nowhere.
func emptyCID() cid.Cid { return cid.NewCidV1(cid.Raw, []byte{0, 0}) }

// car answers with a CAR.
func (h *Handler) car(w http.ResponseWriter, r *http.Request, q *request) {
	head := w.Header()
	q.save(head, carName(q))
	head.Set("Cache-Control", immutable)
	head.Set("Etag", q.carTag())
	if q.matches(q.carTag()) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	src := hashed{h.opt.Source}
	roots, err := q.sel.Resolve(r.Context(), src)
	none := errors.Is(err, fs.ErrNotExist) // a name, not a block
	if none {
		roots, err = []cid.Cid{q.root}, nil
	}
	last := emptyCID()
	if err == nil && !none {
		last = roots[len(roots)-1]
		err = h.present(r.Context(), last)
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	head.Set("X-Ipfs-Roots", rootsValue(roots))
	head.Set("Accept-Ranges", "none")
	head.Set("Content-Type", formatCAR+"; version=1; order="+q.order()+"; dups="+yesNo(q.sel.Repeat))
	if r.Method == http.MethodHead {
		return
	}
	h.stream(w, r, q, last)
}

func carName(q *request) string {
	name := q.root.String()
	if n := len(q.names); n > 0 {
		name += "_" + q.names[n-1]
	}
	return name + ".car"
}

func yesNo(y bool) string {
	if y {
		return "y"
	}
	return "n"
}

// present says whether a block is here.
func (h *Handler) present(ctx context.Context, c cid.Cid) error {
	if _, ok := dag.Inline(c); ok {
		return nil
	}
	_, err := h.opt.Source.Size(ctx, c)
	if errors.Is(err, fs.ErrNotExist) {
		return &dag.MissingBlockError{CID: c, Err: err}
	}
	return err
}

// stream sends a CAR. What goes wrong before much was written is a status.
func (h *Handler) stream(w http.ResponseWriter, r *http.Request, q *request, root cid.Cid) {
	b := &begun{w: w}
	err := h.writeCAR(r.Context(), b, q, root)
	if errors.Is(err, fs.ErrNotExist) && !isOf[*dag.MissingBlockError](err) { // what was sent proves it
		err = nil
	}
	switch {
	case err == nil:
		err = b.flush()
	case !b.sent:
		fail(w, r, err)
		return
	}
	if err != nil {
		h.Stats.Broken.Add(1)
		_, _ = b.w.Write([]byte(truncated)) // HTTP/1.0 has no other way to tell
		_ = http.NewResponseController(b.w).Flush()
		panic(http.ErrAbortHandler) // net/http breaks the connection
	}
}

func (h *Handler) writeCAR(ctx context.Context, b *begun, q *request, root cid.Cid) error {
	cw, err := dag.NewCARWriter(b, root)
	if err != nil {
		return err
	}
	return q.sel.Each(ctx, hashed{h.opt.Source}, func(c cid.Cid, block []byte) error {
		if block == nil {
			block, err = h.block(ctx, c)
		}
		if err != nil {
			return err
		}
		return cw.Append(c, block)
	})
}

// begun holds the first bytes of a body back, so that an error that comes soon
// can still be told as a status.
type begun struct {
	w    http.ResponseWriter
	held []byte
	sent bool
}

const holdBack = 64 << 10

func (b *begun) Write(p []byte) (int, error) {
	if !b.sent && len(b.held)+len(p) <= holdBack {
		b.held = append(b.held, p...)
		return len(p), nil
	}
	if err := b.flush(); err != nil {
		return 0, err
	}
	return b.w.Write(p)
}

func (b *begun) flush() error {
	held := b.held
	b.held, b.sent = nil, true
	_, err := b.w.Write(held)
	return err
}

// block reads one block.
func (h *Handler) block(ctx context.Context, c cid.Cid) ([]byte, error) {
	if _, ok := dag.Inline(c); ok {
		return dag.Get(ctx, nil, c)
	}
	block, err := h.opt.Source.Block(ctx, c)
	if errors.Is(err, fs.ErrNotExist) {
		err = &dag.MissingBlockError{CID: c, Err: err}
	}
	return block, err
}

// hashed is a Source as what package dag reads; it hashes nodes once more.
type hashed struct{ Source }
