package web

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"ipp/tests/support"
)

// TestBrowser has Chromium read a page whose packages try everything, with its
// policy and, so that it is not the policy alone that saves us, without.
func TestBrowser(t *testing.T) {
	chromium := support.Tool(t, "chromium-headless-shell")
	attack := `<script>document.title="owned"</script><img src=x onerror='document.title="owned"'><style>body{display:none}</style>` + nasty
	for _, policy := range []string{Policy(), ""} {
		var asked []string
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked = append(asked, r.URL.Path); r.URL.Path != "/" {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if policy != "" {
				w.Header().Set("Content-Security-Policy", policy)
			}
			pkg := Package{Name: attack, Version: attack, Summary: attack, Platforms: []string{attack}, Size: attack, Key: attack, CID: attack, Install: attack}
			if err := Write(w, Page{Packages: []Package{pkg}, Where: attack, Begin: attack}); err != nil {
				t.Error(err)
			}
		}))
		defer s.Close()
		cmd := exec.Command(chromium, "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000", "--dump-dom", s.URL+"/")
		cmd.Env = append(cmd.Environ(), "HOME="+t.TempDir())
		dom, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", chromium, err)
		}
		if !strings.Contains(string(dom), "<title>Packages from IPFS</title>") || strings.Contains(string(dom), "<img") || strings.Contains(string(dom), "<script") {
			t.Errorf("what Chromium made of it:\n%s", dom)
		}
		for _, path := range asked {
			if path != "/" && path != "/favicon.ico" {
				t.Errorf("Chromium was made to fetch %s", path)
			}
		}
	}
}
