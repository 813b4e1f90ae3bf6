package cmd

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
	"github.com/rogpeppe/go-internal/testscript"
)

// gateway NAME MODE FILE.car: serves an archive as a trustless gateway, whose
// address is $NAME from then on. MODE is what is wrong with it:
//
//	honest    nothing
//	blocks    it sends no archives
//	lying     blocks are other bytes
//	dying     after 3 MB it fails at everything
//	endless   archives never end
//	empty     it has nothing
//	small     it has no block above 64 KiB, and sends no archives
func gateway(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: gateway NAME MODE FILE.car")
	}
	car, err := dag.OpenCAR(ts.MkAbs(args[2]))
	ts.Check(err)
	s := httptest.NewServer(&testGateway{car: car, mode: args[1]})
	ts.Defer(func() {
		s.Close()
		ts.Check(car.Close())
	})
	ts.Setenv(args[0], s.URL)
}

type testGateway struct {
	car  *dag.CAR
	mode string
	sent atomic.Int64
}

const diesAfter = 3 << 20

func (g *testGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := cid.Decode(strings.TrimPrefix(r.URL.Path, "/ipfs/"))
	isCAR := r.URL.Query().Get("format") == "car"
	switch {
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	case g.mode == "dying" && g.sent.Load() > diesAfter:
		w.WriteHeader(http.StatusServiceUnavailable)
	case g.mode == "empty":
		w.WriteHeader(http.StatusNotFound)
	case isCAR && (g.mode == "blocks" || g.mode == "small"):
		w.WriteHeader(http.StatusNotAcceptable)
	case isCAR:
		g.archive(w, r, c)
	default:
		g.block(w, r, c)
	}
}

func (g *testGateway) block(w http.ResponseWriter, r *http.Request, c cid.Cid) {
	data, err := g.car.Block(r.Context(), c)
	if err != nil || g.mode == "small" && len(data) > 64<<10 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if g.mode == "lying" {
		data = append(bytes.Clone(data[1:]), data[0]+1)
	}
	g.sent.Add(int64(len(data)))
	w.Write(data)
}

// archive sends one; where that fails in the middle the connection breaks.
func (g *testGateway) archive(w http.ResponseWriter, r *http.Request, c cid.Cid) {
	if g.mode == "lying" {
		g.block(w, r, c)
		return
	}
	err := dag.WriteCAR(r.Context(), &dyingWriter{w, g}, g.car, c, dag.WalkOptions{}, nil)
	for i := 0; err == nil && g.mode == "endless"; i++ {
		var out *dag.CARWriter
		if out, err = dag.NewCARWriter(w, c); err == nil {
			data := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, dag.LeafSize/2)
			err = out.Put(rawCID(data), data)
		}
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

func rawCID(data []byte) cid.Cid {
	c, err := cid.V1Builder{Codec: cid.Raw, MhType: mh.SHA2_256}.Sum(data)
	if err != nil {
		panic(err)
	}
	return c
}

type dyingWriter struct {
	http.ResponseWriter
	g *testGateway
}

func (d *dyingWriter) Write(p []byte) (int, error) {
	if d.g.sent.Add(int64(len(p))) > diesAfter && d.g.mode == "dying" {
		return 0, http.ErrAbortHandler
	}
	return d.ResponseWriter.Write(p)
}
