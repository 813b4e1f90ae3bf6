package cmd

import (
	"context"
	"net/http"
	"strings"

	"ipp/cmd/term"
	"ipp/cmd/web"
)

// maxShown is how many packages the page lists.
const maxShown = 1000

// page is the page for browsers. own is an address of ours, for requests that do
// not say by which they came.
func (s *shelf) page(own string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		offers, err := s.packages(r.Context())
		if err != nil {
			http.Error(w, "the list of packages can't be read now", http.StatusInternalServerError)
			return
		}
		for name, value := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": web.Policy(), "Referrer-Policy": "no-referrer",
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			w.Header().Set(name, value)
		}
		_ = web.Write(w, s.shown(r.Context(), offers, addressOf(r, own))) // the browser went away
	})
}

// addressOf is the address by which a request came, where it is plain enough to
// stand in a command.
func addressOf(r *http.Request, own string) string {
	odd := strings.ContainsFunc(r.Host, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(".-:[]", c))
	})
	if r.Host == "" || odd {
		return own
	}
	return "http://" + r.Host + "/"
}

func (s *shelf) shown(ctx context.Context, offers []offer, address string) web.Page {
	p := web.Page{Where: address, Begin: "ipp install CID --from " + address}
	if len(offers) > maxShown {
		offers, p.More = offers[:maxShown], len(offers)-maxShown
	}
	for _, o := range offers {
		pkg := web.Package{
			Name: term.Safe(string(o.facts.Name)), Version: term.Safe(string(o.facts.Version)), Summary: term.Safe(o.facts.Summary),
			Platforms: o.parts, Size: term.Bytes(o.bytes), CID: o.root.String(),
			Install: "ipp install " + o.root.String() + " --from " + address,
		}
		if by := s.author(ctx, o.root); by != nil {
			pkg.Key = term.Safe(by.Name + " (" + by.Fingerprint + ")")
		}
		if o.facts.Name == "" { // it has no name to be installed by
			pkg.Install += " --as NAME"
		}
		p.Packages = append(p.Packages, pkg)
	}
	return p
}
