package web

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// nasty is text that would be a script, a tag, an attribute or an entity.
const nasty = `<script>alert(1)</script><img src=x onerror=alert(1)>"' onload=x </pre></style><!-- --> &lt;b&gt; &#60; javascript:alert(1)`

func nastyPage() Page {
	pkg := Package{Name: nasty + "N", Version: nasty + "V", Summary: nasty + "S", Platforms: []string{nasty + "P", "b"}, Size: nasty + "Z", Key: nasty + "K", CID: nasty + "C", Install: nasty + "I"}
	return Page{Packages: []Package{pkg, {CID: "bafy"}}, More: 7, Where: nasty + "W", Begin: nasty + "B"}
}

// TestPageIsText parses the page as browsers do: whatever the packages say, it
// has the elements of the page alone, and the text comes out as it went in.
func TestPageIsText(t *testing.T) {
	plain, odd := parse(t, Page{Packages: []Package{{Name: "a", Version: "1", Summary: "s", Platforms: []string{"p", "b"}, Size: "1 B", Key: "k", CID: "c", Install: "i"}, {CID: "bafy"}}, More: 7, Where: "w", Begin: "b"}), parse(t, nastyPage())
	if plain.tags != odd.tags {
		t.Errorf("text of packages makes other elements:\n%s\n%s", odd.tags, plain.tags)
	}
	for _, part := range strings.Split("N V S Z K C I W B", " ") {
		if !strings.Contains(odd.text, nasty+part) {
			t.Errorf("text %s is not shown as it is", part)
		}
	}
	for _, want := range []string{"no name", "not signed", "… and 7 more", "9 packages"} {
		if !strings.Contains(odd.text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

type parsed struct{ tags, text string }

func parse(t *testing.T, p Page) parsed {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, p); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	var out parsed
	for n := range root.Descendants() {
		switch n.Type {
		case html.ElementNode:
			out.tags += "<" + n.Data
			for _, a := range n.Attr {
				out.tags += " " + a.Key + "=" + a.Val
				if a.Key == "href" || a.Key == "src" || strings.HasPrefix(a.Key, "on") {
					t.Errorf("<%s %s> loads or runs something", n.Data, a.Key)
				}
			}
			out.tags += ">"
			if n.Data == "script" || n.Data == "link" {
				t.Errorf("there is a <%s>", n.Data)
			}
		case html.TextNode:
			out.text += n.Data
			if sum := sha256.Sum256([]byte(n.Data)); n.Parent.Data == "style" && !strings.Contains(Policy(), base64.StdEncoding.EncodeToString(sum[:])) {
				t.Error("the policy forbids the page's own style")
			}
		}
	}
	return out
}

// FuzzPage: no text of a package makes an element.
func FuzzPage(f *testing.F) {
	f.Add(nasty, "")
	f.Add("\x00\xff<", "&#x3c;script>")
	f.Fuzz(func(t *testing.T, a, b string) {
		page := func(a, b string) parsed {
			return parse(t, Page{Packages: []Package{{Name: "n" + a, Version: b, Summary: "s" + a, CID: b, Install: a, Size: b, Key: a}}, Where: b, Begin: a})
		}
		if got, want := page(a, b).tags, page("x", "y").tags; got != want {
			t.Errorf("%q and %q make %s", a, b, got)
		}
	})
}
