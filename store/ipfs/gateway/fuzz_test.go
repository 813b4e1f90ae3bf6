package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzRequest: whatever is asked gets an answer: no panic but the one that breaks
// a connection, no header that strangers wrote, and 200 only with what was asked.
func FuzzRequest(f *testing.F) {
	w := newWorld(f)
	h := New(Options{Source: w})
	root := w.root.String()
	for _, s := range []string{"?format=raw", "?format=car", "/sub/deep?format=car&dag-scope=entity&entity-bytes=3:-4&car-dups=y", "/hamt8/f003?format=car&dag-scope=block",
		"?format=car&filename=%0d%0aX:y", "/%00/..%2f?format=car", "//../ipfs/bafkqaaa?format=raw", "?format=car&entity-bytes=-9223372036854775808:9223372036854775807"} {
		f.Add("/ipfs/"+root+s, "", "", "")
	}
	f.Add("/ipfs/"+root, "application/vnd.ipld.car; dups=y; order=dfs", `W/"x", *`, "bytes=1-2,3-")
	f.Add("/ipfs/bafkqaf3imvwgy3zanfzqu", "application/vnd.ipld.raw", `"`, "bytes=-1")
	f.Fuzz(func(t *testing.T, target, accept, noneOf, span string) {
		if !strings.HasPrefix(target, "/") || strings.ContainsAny(target+accept+noneOf+span, "\r\n\x00") {
			return // net/http refuses it
		}
		r, err := http.NewRequest(http.MethodGet, "http://localhost"+target, nil)
		if err != nil {
			return
		}
		for name, v := range map[string]string{"Accept": accept, "If-None-Match": noneOf, "Range": span} {
			if v != "" {
				r.Header.Set(name, v)
			}
		}
		rec := httptest.NewRecorder()
		func() {
			defer func() {
				if p := recover(); p != nil && p != http.ErrAbortHandler {
					panic(p)
				}
			}()
			h.ServeHTTP(rec, r)
		}()
		for name, values := range rec.Header() {
			for _, v := range values {
				if strings.ContainsAny(v, "\r\n\x00") {
					t.Errorf("header %s: %q", name, v)
				}
			}
		}
		if rec.Code == http.StatusOK && !strings.HasPrefix(rec.Header().Get("Content-Type"), "application/vnd.ipld.") {
			t.Errorf("%s: 200 with %q", target, rec.Header().Get("Content-Type"))
		}
	})
}
