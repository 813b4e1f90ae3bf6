package gateway

import (
	"errors"
	"mime"
	"net/http"
	"net/textproto"
	"net/url"
	gopath "path"
	"strconv"
	"strings"

	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// Media types.
const (
	formatRaw = "application/vnd.ipld.raw"
	formatCAR = "application/vnd.ipld.car"
)

// maxSegments bounds the names in a path, maxPath its bytes.
const maxSegments, maxPath = 128, 8 << 10

// request is what a request asks for.
type request struct {
	url    *url.URL
	path   string // as boxo cleans it: /ipfs/CID/a/b, with the slash at its end
	root   cid.Cid
	names  []string
	format string
	query  url.Values
	accept map[string]string // parameters of the media type
	noneOf string            // If-None-Match
	sel    dag.Selection     // of a CAR
}

// parseRequest reads path, query and Accept.
func parseRequest(r *http.Request) (*request, error) {
	q := &request{url: r.URL, query: r.URL.Query(), noneOf: r.Header.Get("If-None-Match")}
	err := q.parsePath(r.URL.Path)
	if err == nil {
		err = q.parseFormat(r.Header.Values("Accept"))
	}
	if err == nil && q.format == formatCAR {
		err = q.parseCAR()
	}
	return q, err
}

func bad(text string) error { return &statusError{http.StatusBadRequest, text} }

func (q *request) parsePath(path string) error {
	if len(path) > maxPath {
		return &statusError{http.StatusRequestURITooLong, "the path is too long"}
	}
	q.path = gopath.Clean(path)
	parts := strings.Split(strings.TrimPrefix(q.path, "/"), "/")
	if len(parts) < 2 || parts[0] != "ipfs" {
		return bad("want /ipfs/CID")
	}
	if len(parts) > maxSegments {
		return &statusError{http.StatusRequestURITooLong, "the path has too many names"}
	}
	root, err := cid.Decode(parts[1])
	if err != nil {
		return bad("what follows /ipfs/ is no CID")
	}
	if strings.HasSuffix(path, "/") {
		q.path += "/"
	}
	q.root, q.names = root, parts[2:]
	return nil
}

// parseFormat finds what is wanted: ?format, else the first media type of Accept
// that is one of IPFS' (IPIP-523).
func (q *request) parseFormat(accept []string) error {
	byQuery := map[string]string{"raw": formatRaw, "car": formatCAR}[q.query.Get("format")]
	byHeader, params, err := acceptedFormat(accept)
	if err != nil {
		return bad("the header Accept is malformed")
	}
	if q.format = byQuery; byQuery == "" && !otherFormat(q.query.Get("format")) {
		q.format = byHeader
	}
	if byHeader == q.format {
		q.accept = params
	}
	if q.format == formatCAR || q.format == formatRaw && len(q.names) == 0 {
		return nil
	}
	return &statusError{http.StatusNotAcceptable, "only trustless requests are answered: " +
		"?format=raw for one block, ?format=car for a DAG (https://specs.ipfs.tech/http-gateways/trustless-gateway/)"}
}

// otherFormat says that a format is one of the path gateway's.
func otherFormat(name string) bool {
	switch name {
	case "tar", "json", "cbor", "dag-json", "dag-cbor", "ipns-record":
		return true
	}
	return false
}

func acceptedFormat(accept []string) (format string, params map[string]string, err error) {
	for _, header := range accept {
		for value := range strings.SplitSeq(header, ",") {
			value = strings.TrimSpace(value)
			for _, prefix := range []string{"application/vnd.ipld", "application/vnd.ipfs", "application/x-tar", "application/json", "application/cbor"} {
				if strings.HasPrefix(value, prefix) {
					return mime.ParseMediaType(value)
				}
			}
		}
	}
	return "", nil, nil
}

// parseCAR reads the parameters of a CAR: those of the query go before those of
// Accept.
func (q *request) parseCAR() error {
	q.sel = dag.Selection{Root: q.root, Path: q.names, Scope: dag.ScopeAll}
	if q.query.Has("entity-bytes") {
		if err := q.parseRange(q.query.Get("entity-bytes")); err != nil {
			return bad("entity-bytes: " + err.Error())
		}
	}
	if q.query.Has("dag-scope") {
		scope, ok := map[string]dag.Scope{"all": dag.ScopeAll, "entity": dag.ScopeEntity, "block": dag.ScopeBlock}[q.query.Get("dag-scope")]
		if !ok {
			return bad("dag-scope: want all, entity or block")
		}
		q.sel.Scope = scope
	}
	if v := q.param("version"); v != "" && v != "1" {
		return bad("only CAR version 1 is sent")
	}
	if v := q.param("order"); v != "" && v != "dfs" && v != "unk" {
		return bad("order: want dfs or unk")
	}
	switch q.param("dups") {
	case "y":
		q.sel.Repeat = true
	case "n", "":
	default:
		return bad("dups: want y or n")
	}
	return nil
}

func (q *request) param(name string) string {
	if v := q.query.Get("car-" + name); v != "" {
		return v
	}
	return q.accept[name]
}

func (q *request) order() string {
	if v := q.param("order"); v != "" {
		return v
	}
	return "dfs"
}

// parseRange reads FROM:TO, where TO may be *.
func (q *request) parseRange(text string) error {
	first, last, ok := strings.Cut(text, ":")
	if !ok || strings.Contains(last, ":") {
		return errors.New("want FROM:TO")
	}
	from, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return errors.New("FROM is no number")
	}
	q.sel.From = from
	if last == "*" {
		return nil
	}
	to, err := strconv.ParseInt(last, 10, 64)
	if err != nil {
		return errors.New("TO is no number")
	}
	if from > to && (from >= 0) == (to >= 0) {
		return dag.ErrRange
	}
	q.sel.To = &to
	return nil
}

// matches says whether If-None-Match names an entity tag.
func (q *request) matches(etag string) bool {
	for rest := q.noneOf; ; {
		if rest = strings.TrimLeft(textproto.TrimString(rest), ","); rest == "" {
			return false
		}
		if rest = textproto.TrimString(rest); strings.HasPrefix(rest, "*") {
			return true
		}
		rest = strings.TrimPrefix(rest, "W/")
		if !strings.HasPrefix(rest, `"`) {
			return false
		}
		tag, after, ok := strings.Cut(rest[1:], `"`)
		if !ok {
			return false
		}
		if `"`+tag+`"` == strings.TrimPrefix(etag, "W/") {
			return true
		}
		rest = after
	}
}
