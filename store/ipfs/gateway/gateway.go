// Package gateway answers the Trustless Gateway specification over HTTP: raw
// blocks and CARs under /ipfs/, out of whatever gives blocks. It knows nothing
// of packages: what a browser sees at / is a handler of somebody else's.
//
// Purpose: anything that speaks the specification (curl, Kubo, Helia, another
// ipp) fetches blocks and whole, partial or ranged DAGs, and checks each of them
// by its CID. Nothing is ever deserialised, so that no bytes of a package are
// shown by a browser under this address.
//
// Invariants.
//
//   - What leaves was hashed on its way out: Source hashes what it returns, and
//     package dag the nodes that it steers by.
//   - What could not be sent whole never looks whole: an error before the first
//     byte is a status, one after it ends the CAR with bytes that no reader takes
//     for a block, and breaks the connection.
//   - Nothing is asked of the network and nothing is written.
//   - Memory is bounded: a response holds a block (2 MiB) and the links above it,
//     and there are as many responses as Limits allow, in all and for each
//     address. Who reads slower than the least rate is dropped. A request has no
//     body; its header and path are bounded.
//   - Errors tell strangers what they asked for, not where it lies on the disk.
//   - Who reaches us over loopback must call us by a name of loopback: a web site
//     that points its own name here (DNS rebinding) learns nothing.
//
// boxo's gateway is the oracle for status, headers and bytes. It differs where a
// block is missing: boxo sends 200 and a CAR that ends early, this 404 while
// nothing was sent yet. Its redirects for browsers are left out.
//
// Concurrency: a Handler and a Server are safe for concurrent use.
package gateway

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// Source gives blocks.
type Source interface {
	// Block returns the bytes of a block, hashed after they were read. A block that
	// is not there is an error that Is fs.ErrNotExist.
	Block(ctx context.Context, c cid.Cid) ([]byte, error)
	// Size is the size of a block that is there; its errors are Block's.
	Size(ctx context.Context, c cid.Cid) (int64, error)
}

// Options of a Handler.
type Options struct {
	Source Source
	// Page answers what is neither below /ipfs/ nor /ipns/; nil: 404.
	Page http.Handler
	// Names are those by which we may be called over loopback, beside its own:
	// that of a proxy in front, say.
	Names  []string
	Limits Limits
}

// Handler answers requests.
type Handler struct {
	opt   Options
	slots *slots
	Stats Stats
}

// New makes a Handler.
func New(opt Options) *Handler {
	opt.Limits = opt.Limits.orDefault()
	return &Handler{opt: opt, slots: newSlots(opt.Limits.Requests, opt.Limits.RequestsPeer)}
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.Stats.Requests.Add(1)
	switch {
	case !h.known(r):
		http.Error(w, "this address is not served under that name", http.StatusMisdirectedRequest)
	case r.ContentLength != 0: // -1 with chunks
		w.Header().Set("Connection", "close")
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second)) // net/http reads some of it
		http.Error(w, "a request here has no body", http.StatusRequestEntityTooLarge)
	case r.Method == http.MethodOptions:
		allow(w)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		allow(w)
		http.Error(w, "method "+r.Method+" not allowed: read only access", http.StatusMethodNotAllowed)
	default:
		h.read(w, r)
	}
}

func allow(w http.ResponseWriter) {
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
		w.Header().Add("Allow", m)
	}
}

func (h *Handler) read(w http.ResponseWriter, r *http.Request) {
	leave, err := h.slots.enter(r.Context(), peerOf(r), h.opt.Limits.Patience)
	if err != nil {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many requests at once", http.StatusTooManyRequests)
		return
	}
	defer leave()
	w = h.paced(w)
	switch space, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); {
	case space == "ipfs":
		h.ipfs(w, r)
	case space == "ipns":
		http.Error(w, "no IPNS names are resolved here", http.StatusNotFound)
	case h.opt.Page == nil:
		http.NotFound(w, r)
	default:
		h.opt.Page.ServeHTTP(w, r)
	}
}

// ipfs answers what is below /ipfs/.
func (h *Handler) ipfs(w http.ResponseWriter, r *http.Request) {
	q, err := parseRequest(r)
	if err != nil {
		fail(w, r, err)
		return
	}
	q.header(w.Header())
	if q.format == formatRaw {
		h.raw(w, r, q)
		return
	}
	h.car(w, r, q)
}

// statusError is an error with the status that it takes.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return e.text }

// fail answers with what went wrong.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	code, text := http.StatusInternalServerError, "what is here of it is damaged or can't be read"
	var status *statusError
	var missing *dag.MissingBlockError
	switch {
	case errors.As(err, &status):
		code, text = status.code, status.text
	case errors.As(err, &missing):
		code, text = http.StatusNotFound, "block "+dag.CIDText(missing.CID)+" is not here"
	case errors.Is(err, fs.ErrNotExist):
		code, text = http.StatusNotFound, "it is not here"
	case errors.Is(err, dag.ErrRange):
		code, text = http.StatusBadRequest, dag.ErrRange.Error()
	case isOf[*dag.LimitError](err), isOf[*dag.FormatError](err):
		code, text = http.StatusBadRequest, "it is not a CID or a DAG that is served here"
	case r.Context().Err() != nil:
		code, text = http.StatusServiceUnavailable, "the server is going down"
	}
	if code == http.StatusNotFound && r.Header.Get("Cache-Control") == "only-if-cached" {
		code = http.StatusPreconditionFailed
	}
	for _, name := range []string{"Etag", "Cache-Control", "Content-Disposition", "X-Ipfs-Roots", "Accept-Ranges"} {
		w.Header().Del(name)
	}
	http.Error(w, text, code)
}

func isOf[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// known says whether the request calls us by a name of ours. Only loopback is
// asked: elsewhere anybody may reach us anyway.
func (h *Handler) known(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok || !addrOf(local.String()).IsLoopback() {
		return true
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback() || ip.Unmap() == addrOf(local.String())
	}
	for _, name := range append([]string{"localhost"}, h.opt.Names...) {
		if strings.EqualFold(strings.TrimSuffix(host, "."), name) {
			return true
		}
	}
	return host == "" // HTTP/1.0: no browser
}

// addrOf is the IP address in HOST:PORT; the zero Addr where there is none.
func addrOf(hostport string) netip.Addr {
	ap, err := netip.ParseAddrPort(hostport)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// peerOf is what counts as one peer: an address, or the /64 of one that has as
// many as it likes.
func peerOf(r *http.Request) netip.Addr { return peerAddr(r.RemoteAddr) }

func peerAddr(hostport string) netip.Addr {
	a := addrOf(hostport)
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
