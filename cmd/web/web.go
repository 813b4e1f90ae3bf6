// Package web is the page that a browser sees where ipp serve serves: which
// packages there are, and the command that installs each.
//
// Invariants. Everything that is not a constant of this package is escaped; no
// text of a package is ever part of a URL, a style or a tag. The page has no
// script and loads nothing, and Policy tells the browser so: what slipped through
// would still do nothing. It reads without colours, narrow, and in the dark.
//
// Concurrency: it has no state.
package web

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"strings"
)

//go:embed style.css
var style string

// Package is one package as it is shown.
type Package struct {
	Name, Version, Summary string
	Platforms              []string
	Size                   string
	Key                    string // of its author; "": not signed
	CID                    string
	Install                string // the command
}

// Page is what the page shows.
type Page struct {
	Packages []Package
	More     int    // packages that are not listed
	Where    string // the address of the page
	Begin    string // the command that installs any of them
}

// Policy is the page's Content-Security-Policy.
func Policy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// Write writes the page as HTML.
func Write(w io.Writer, p Page) error {
	b := &strings.Builder{}
	b.WriteString("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n" +
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n" +
		"<meta name=\"color-scheme\" content=\"light dark\">\n<title>Packages from IPFS</title>\n<style>" + style + "</style>\n</head>\n<body>\n")
	fmt.Fprintf(b, "<header>\n<h1>Packages from IPFS</h1>\n<p>%s, served at %s by <b>ipp</b>, which installs programs from IPFS. "+
		"The name of each is the hash of its bytes: whoever hands them to you, they are the ones that were asked for.</p>\n<pre>%s</pre>\n</header>\n<main>\n",
		count(len(p.Packages)+p.More), html.EscapeString(p.Where), html.EscapeString(p.Begin))
	for _, pkg := range p.Packages {
		pkg.write(b)
	}
	if p.More > 0 {
		fmt.Fprintf(b, "<p class=\"more\">… and %d more</p>\n", p.More)
	}
	b.WriteString("</main>\n<footer><p>Blocks and CARs for any IPFS program: <code>/ipfs/CID?format=raw</code>, <code>/ipfs/CID?format=car</code></p></footer>\n</body>\n</html>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func count(n int) string {
	if n == 1 {
		return "1 package"
	}
	return fmt.Sprintf("%d packages", n)
}

func (p Package) write(b *strings.Builder) {
	name := p.Name
	if name == "" {
		name = "no name"
	}
	fmt.Fprintf(b, "<article>\n<h2>%s <span class=\"version\">%s</span></h2>\n", html.EscapeString(name), html.EscapeString(p.Version))
	if p.Summary != "" {
		fmt.Fprintf(b, "<p>%s</p>\n", html.EscapeString(p.Summary))
	}
	b.WriteString("<dl>\n")
	for _, row := range [][2]string{
		{"Platforms", strings.Join(p.Platforms, ", ")}, {"Size", p.Size}, {"Author", author(p.Key)}, {"CID", p.CID},
	} {
		fmt.Fprintf(b, "<div><dt>%s</dt><dd>%s</dd></div>\n", row[0], html.EscapeString(row[1]))
	}
	fmt.Fprintf(b, "</dl>\n<pre>%s</pre>\n</article>\n", html.EscapeString(p.Install))
}

func author(key string) string {
	if key == "" {
		return "not signed"
	}
	return key
}
