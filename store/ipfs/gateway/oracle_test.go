package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"ipp/store/dag"

	boxo "github.com/ipfs/boxo/gateway"
	"github.com/prometheus/client_golang/prometheus"
)

// ask is one request, put to both gateways.
type ask struct {
	method string // GET where empty
	target string // path, escaped, and query
	header map[string]string
}

func (a ask) String() string { return fmt.Sprint(a.method, " ", a.target, " ", a.header) }

// answer is what a gateway said.
type answer struct {
	status int
	header http.Header
	body   []byte
	broken bool // it did not end as it should
}

// pair is boxo's gateway and ours, over the same blocks.
type pair struct {
	*world
	boxo, ours *httptest.Server
	handler    *Handler
}

func newPair(t testing.TB, w *world) *pair {
	t.Helper()
	backend, err := boxo.NewBlocksBackend(w.serv)
	if err != nil {
		t.Fatal(err)
	}
	conf := boxo.Config{DeserializedResponses: false, NoDNSLink: true, DisableHTMLErrors: true, DeprecatedXIpfsPath: true, MetricsRegistry: prometheus.NewRegistry()}
	p := &pair{world: w, handler: New(Options{Source: w})}
	p.boxo = httptest.NewServer(boxo.NewHandler(conf, backend))
	p.ours = httptest.NewUnstartedServer(p.handler)
	p.ours.Config = NewServer(p.handler).http
	p.ours.Start()
	t.Cleanup(p.boxo.Close)
	t.Cleanup(p.ours.Close)
	return p
}

func send(t testing.TB, base string, a ask) answer {
	t.Helper()
	method := a.method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequest(method, base+a.target, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range a.header {
		req.Header.Set(k, v)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	out := answer{status: res.StatusCode, header: res.Header, body: body}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		out.broken = true
	case err != nil:
		t.Fatalf("%s: %v", a, err)
	}
	for _, mark := range []string{truncated, "\n\n[Gateway Error: CAR stream truncated, response is incomplete]"} {
		if whole, ok := bytes.CutSuffix(body, []byte(mark)); ok {
			out.body, out.broken = whole, true
		}
	}
	return out
}

// same are the headers that both must send alike.
var same = []string{"Content-Type", "Etag", "Cache-Control", "X-Ipfs-Roots", "X-Ipfs-Path", "Ipfs-Uri", "Content-Disposition",
	"Content-Location", "Accept-Ranges", "Content-Range", "Content-Length", "X-Content-Type-Options"}

// compare puts one request to both. Where boxo fails half way ours may say so
// before it begins, and must not say that all is well.
func (p *pair) compare(t *testing.T, a ask) answer {
	t.Helper()
	theirs, ours := send(t, p.boxo.URL, a), send(t, p.ours.URL, a)
	if theirs.broken {
		if !ours.broken && ours.status < 400 {
			t.Errorf("%s: boxo's answer is broken, ours is %d with %d bytes", a, ours.status, len(ours.body))
		}
		if ours.broken && !bytes.HasPrefix(theirs.body, ours.body) {
			t.Errorf("%s: both are broken, with other bytes", a)
		}
		return ours
	}
	if ours.status != theirs.status || ours.broken {
		t.Errorf("%s: status %d (broken %v), boxo's %d: %.200q", a, ours.status, ours.broken, theirs.status, theirs.body)
		return ours
	}
	if ours.status >= 400 {
		return ours
	}
	if !bytes.Equal(ours.body, theirs.body) {
		t.Errorf("%s: %d bytes, boxo's %d\n%s\n%s", a, len(ours.body), len(theirs.body), listCAR(ours.body), listCAR(theirs.body))
	}
	for _, name := range same {
		if name == "Content-Length" && a.method == "HEAD" && strings.HasPrefix(ours.header.Get("Content-Type"), formatCAR) {
			continue // boxo makes the CAR and throws it away
		}
		if name == "X-Content-Type-Options" && ours.status == http.StatusNotModified {
			continue // there is nothing to sniff at
		}
		if o, b := ours.header.Get(name), theirs.header.Get(name); o != b && !(name == "Content-Location" && o == escaped(b)) {
			t.Errorf("%s: header %s is %q, boxo's %q", a, name, o, b)
		}
	}
	return ours
}

// TestOracle puts the same requests to boxo's gateway and to ours.
func TestOracle(t *testing.T) {
	w := newWorld(t)
	p := newPair(t, w)
	root := "/ipfs/" + w.root.String()
	raw, car := "application/vnd.ipld.raw", "application/vnd.ipld.car"
	deep := "/ipfs/" + w.at(t, "sub/deep").String()
	var asks []ask
	for _, path := range w.paths {
		for _, query := range []string{"", "&dag-scope=all", "&dag-scope=entity", "&dag-scope=block", "&car-dups=y", "&dag-scope=entity&car-dups=y", "&dag-scope=block&car-dups=y"} {
			asks = append(asks, ask{target: at(root, path) + "?format=car" + query})
		}
		asks = append(asks, ask{method: "HEAD", target: at(root, path) + "?format=car"},
			ask{target: at(root, path) + "?format=raw"}, ask{target: at(root, path)})
	}
	for _, bytes := range []string{"0:*", "0:0", "5:5", "9:10", "10:10", "0:976", "0:977", "0:5000", "976:976", "977:*", "5000:*", "-1:*", "-5:-1", "-5:-5", "-2000:*",
		"100:-100", "-30:970", "30:29", "-1:0", "20:-970", "1:", ":1", "a:b", "1:2:3", "", "-1:-5", "5:1", "-9223372036854775808:*"} {
		for _, path := range []string{"sub/deep", "sub/trickle", "sub/inline", "sub/same", "sub/one", "sub/empty", "sub/emptypb", "sub", "hamt8", "hamt8/sub/deep"} {
			for _, more := range []string{"", "&car-dups=y"} {
				asks = append(asks, ask{target: at(root, path) + "?format=car&dag-scope=entity" + more + "&entity-bytes=" + bytes})
			}
		}
	}
	for _, c := range w.all(t)[:20] {
		for _, r := range []string{"", "bytes=0-0", "bytes=1-", "bytes=-1", "bytes=0-0,1-1", "bytes=5000000-", "nonsense"} {
			asks = append(asks, ask{target: "/ipfs/" + c.String() + "?format=raw", header: map[string]string{"Range": r}},
				ask{method: "HEAD", target: "/ipfs/" + c.String() + "?format=raw", header: map[string]string{"Range": r}})
		}
	}
	other := "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
	for _, target := range []string{
		"/ipfs/bafkqaaa?format=raw", "/ipfs/bafkqaf3imvwgy3zanfzqu?format=raw", "/ipfs/" + other + "?format=raw",
		"/ipfs/nonsense?format=raw", "/ipfs/?format=raw", "/ipfs?format=raw", "/ipfs//?format=car", "/ipfs/" + other + "/../" + w.root.String() + "?format=raw",
		root + "?format=tar", root + "?format=json", root + "?format=dag-json", root + "?format=nonsense", root + "?format=car&car-version=2",
		root + "?format=car&car-order=unk&dag-scope=block", root + "?format=car&car-order=odd", root + "?format=car&car-dups=x", root + "?format=car&dag-scope=x",
		root + "?format=car&car-version=1&car-order=dfs&car-dups=n&dag-scope=block", root + "/?format=car&dag-scope=block", root + "/sub/?format=car&dag-scope=block",
		root + "//sub///one?format=car", root + "/./sub/../sub/one?format=car", root + "/none?format=car", root + "/sub/none?format=car", root + "/sub/none/deeper?format=car",
		root + "/hamt8/none?format=car", root + "/hamt8/none?format=car&car-dups=y", root + "/hamt256/none/x?format=car", root + "/sub/one/x?format=car", root + "/sub/deep/x?format=car",
		root + "/sub/deep/x/y?format=car", root + "/sub/link/x?format=car", root + "/sub/deep/0?format=car", root + "/hamt8/sub/none?format=car",
		deep + "/x?format=car", root + "?format=car&dag-scope=block&filename=a%20b%22%0d%0aX.car", root + "?format=raw&filename=%C3%A9.bin", "/ipns/x?format=raw", root + "?format=car&dag-scope=block&x=%zz",
	} {
		asks = append(asks, ask{target: target}, ask{method: "HEAD", target: target})
	}
	for _, accept := range []string{raw, car, car + "; version=1; order=dfs; dups=n", car + ";dups=y", car + "; version=2", car + "; order=x", car + "; dups=maybe", "text/html," + car + ";q=0.5",
		"*/*", "application/json", "application/vnd.ipld.dag-json, " + car, "application/vnd.ipld.car; version=1; version=1", "application/vnd.ipld.car;;;=", "application/vnd.ipfs.ipns-record"} {
		asks = append(asks, ask{target: deep, header: map[string]string{"Accept": accept}}, ask{target: deep + "?format=car", header: map[string]string{"Accept": accept}},
			ask{target: deep + "?format=raw", header: map[string]string{"Accept": accept}}, ask{target: deep + "?format=nonsense", header: map[string]string{"Accept": accept}},
			ask{target: deep + "?car-dups=n&dag-scope=entity", header: map[string]string{"Accept": accept}})
	}
	for _, a := range asks {
		if known(a) {
			continue
		}
		p.compare(t, a)
	}
}

// known says where we differ from boxo on purpose.
func known(a ask) bool {
	switch {
	case a.header["Range"] == "nonsense": // 416 as HTTP says, not 400
		return true
	case strings.HasPrefix(a.target, "/ipns/"): // 404, not 500
		return true
	}
	return false
}

// escaped is a location as it must be; boxo leaves the path as it is.
func escaped(location string) string {
	i := max(strings.LastIndex(location, "?"), 0)
	return (&url.URL{Path: location[:i]}).EscapedPath() + location[i:]
}

func at(root, path string) string { return root + (&url.URL{Path: "/" + path}).EscapedPath() }

// TestOracleTags asks again with what was told: 304 from both.
func TestOracleTags(t *testing.T) {
	w := newWorld(t)
	p := newPair(t, w)
	for _, target := range []string{"?format=raw", "?format=car", "?format=car&dag-scope=entity", "?format=car&car-dups=y", "?format=car&dag-scope=entity&entity-bytes=5:-1", "?format=car&car-order=unk"} {
		target = "/ipfs/" + w.root.String() + target
		first := p.compare(t, ask{target: target})
		for _, v := range []string{first.header.Get("Etag"), "*", `"x", ` + first.header.Get("Etag"), "W/" + strings.TrimPrefix(first.header.Get("Etag"), "W/"), `"x"`, "x", `"`, ",", `"x`} {
			got := p.compare(t, ask{target: target, header: map[string]string{"If-None-Match": v}})
			if want := strings.Contains(v, first.header.Get("Etag")) || v == "*"; want && got.status != http.StatusNotModified {
				t.Errorf("%s with If-None-Match %s: %d", target, v, got.status)
			}
		}
	}
}

// TestOracleRandom puts random requests.
func TestOracleRandom(t *testing.T) {
	w := newWorld(t)
	p := newPair(t, w)
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	for range 800 {
		path := pick(w.paths...)
		if rng.IntN(5) == 0 {
			path += pick("/", "//", "/x", "/sub", "/f001", "/../sub", "/.")
		}
		query := "?format=" + pick("car", "car", "car", "car", "raw", "tar", "") + "&dag-scope=" + pick("all", "entity", "entity", "block", "entity")
		if rng.IntN(2) == 0 {
			query += fmt.Sprintf("&entity-bytes=%d:%s", rng.IntN(1200)-600, pick("*", fmt.Sprint(rng.IntN(1200)-400)))
		}
		query += pick("", "&car-dups=y", "&car-dups=n", "&car-order=unk", "&car-version=1")
		header := map[string]string{}
		if rng.IntN(4) == 0 {
			header["Accept"] = pick("application/vnd.ipld.car; dups=y", "application/vnd.ipld.raw", "text/html", "application/vnd.ipld.car; order=dfs")
		}
		p.compare(t, ask{method: pick("GET", "GET", "HEAD"), target: at("/ipfs/"+w.root.String(), path) + query, header: header})
		if t.Failed() {
			return
		}
	}
}

// TestOracleMissing takes blocks away: what boxo breaks off, we do not call whole.
func TestOracleMissing(t *testing.T) {
	w := newWorld(t)
	p := newPair(t, w)
	rng := rand.New(rand.NewPCG(3, 4))
	all := w.all(t)
	for range 12 {
		c := all[rng.IntN(len(all))]
		if _, ok := dag.Inline(c); ok {
			continue
		}
		b := must(w.store.Get(t.Context(), c))
		w.drop(c)
		for _, path := range w.paths {
			for _, query := range []string{"?format=car", "?format=car&dag-scope=entity", "?format=car&dag-scope=block&car-dups=y"} {
				target := at("/ipfs/"+w.root.String(), path) + query
				ours, theirs := send(t, p.ours.URL, ask{target: target}), send(t, p.boxo.URL, ask{target: target})
				failed := ours.broken || ours.status >= 400
				proof := bytes.HasPrefix(theirs.body, must(emptyCAR())) // boxo takes a missing block for a missing name
				switch {
				case !failed && (theirs.broken || !bytes.Equal(ours.body, theirs.body)):
					t.Errorf("without %s: GET %s: %d, %d bytes; boxo's %d, %d bytes, broken %v", c, target, ours.status, len(ours.body), theirs.status, len(theirs.body), theirs.broken)
				case failed && !theirs.broken && !proof && theirs.status == http.StatusOK:
					t.Errorf("without %s: GET %s: %d (broken %v); boxo has all of it", c, target, ours.status, ours.broken)
				}
			}
		}
		if err := w.store.Put(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
}
