package gateway

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"ipp/store/dag"

	"github.com/cespare/xxhash/v2"
	"github.com/ipfs/go-cid"
)

// immutable is for what a CID names: it never changes.
const immutable = "public, max-age=29030400, immutable"

// maxURI bounds Ipfs-Uri, which may be left out (IPIP-548).
const maxURI = 8 << 10

// header sets what every answer to a request that was understood carries.
func (q *request) header(h http.Header) {
	if safeValue(q.path) {
		h.Set("X-Ipfs-Path", q.path)
	}
	if uri := q.uri(); len(uri) <= maxURI {
		h.Set("Ipfs-Uri", uri)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	name := map[string]string{formatRaw: "raw", formatCAR: "car"}[q.format]
	if q.query.Get("format") == name {
		return
	}
	query := url.Values{}
	maps.Copy(query, q.query)
	query.Set("format", name)
	for k, v := range q.accept {
		if !query.Has(name + "-" + k) {
			query.Set(name+"-"+k, v)
		}
	}
	h.Set("Content-Location", q.url.EscapedPath()+"?"+query.Encode())
}

// safeValue says whether s can stand in a header as it is.
func safeValue(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r != '\t' && (r < ' ' || r > '~') })
}

// uri is the ipfs:// URI of the request (IPIP-548).
func (q *request) uri() string {
	var b strings.Builder
	b.WriteString("ipfs://" + dag.CIDText(dag.V1(q.root)))
	for _, name := range q.names {
		b.WriteByte('/')
		for _, c := range []byte(name) {
			if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
	}
	if strings.HasSuffix(q.path, "/") {
		b.WriteByte('/')
	}
	return b.String()
}

// save has a browser save the body, under a name that can't leave the header.
func (q *request) save(h http.Header, name string) {
	if n := q.query.Get("filename"); n != "" {
		name = n
	}
	ascii := strings.Map(func(r rune) rune {
		if r > 0x7f {
			return '_'
		}
		return r
	}, name)
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s"; filename*=UTF-8''%s`, url.PathEscape(ascii), url.PathEscape(name)))
}

// carTag is the entity tag of a CAR: boxo's, so that caches take both for one.
func (q *request) carTag() string {
	h := xxhash.New()
	write := func(text string) { h.Write([]byte(text)) } // a hash never fails
	write(q.path)
	if scope := q.query.Get("dag-scope"); q.sel.Scope != dag.ScopeAll {
		write("\x00scope=" + scope)
	}
	if q.order() != "dfs" {
		write("\x00order=" + q.order())
	}
	if q.sel.Repeat {
		write("\x00dups=y")
	}
	if q.sel.From != 0 || q.sel.To != nil {
		write("\x00range=")
		for _, n := range append([]int64{q.sel.From}, q.to()...) {
			write(string(littleEndian(uint64(n))))
		}
	}
	return `W/"` + q.root.String() + ".car." + strconv.FormatUint(h.Sum64(), 32) + `"`
}

func (q *request) to() []int64 {
	if q.sel.To == nil {
		return nil
	}
	return []int64{*q.sel.To}
}

func littleEndian(n uint64) []byte {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(n >> (8 * i))
	}
	return b
}

func rootsValue(roots []cid.Cid) string {
	texts := make([]string, len(roots))
	for i, c := range roots {
		texts[i] = c.String()
	}
	return strings.Join(texts, ",")
}
