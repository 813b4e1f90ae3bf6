// Command report reads `go test -json` on standard input and prints what a
// person wants of it: a line a package, all that a failed test said, and each
// test that was skipped. It exits 1 where something failed or was skipped, and
// where no test ran.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// event is a line of test2json, see `go doc test2json`.
type event struct {
	Action, Package, Test, Output, ImportPath string
}

func main() {
	if err := report(os.Stdin, os.Stdout); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// report writes a report of the events in r to w.
func report(r io.Reader, w io.Writer) error {
	said := map[string]*strings.Builder{} // by package and test
	var skipped []string
	passed, failed := 0, 0
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		switch {
		case err != nil:
			return verdict(w, passed, failed, skipped)
		case json.Unmarshal(line, &e) != nil:
			fmt.Fprintf(w, "%s", line)
			continue
		}
		key := e.Package + e.ImportPath + " " + e.Test
		if said[key] == nil {
			said[key] = new(strings.Builder)
		}
		switch e.Action {
		case "output", "build-output":
			if said[key].WriteString(e.Output); summary(e) {
				fmt.Fprint(w, e.Output)
			}
			continue
		case "fail", "build-fail":
			fmt.Fprint(w, said[key])
			failed++
		case "pass":
			passed++
		case "skip":
			if e.Test != "" {
				skipped = append(skipped, said[key].String())
			}
		}
		if e.Action != "run" && e.Action != "pause" && e.Action != "cont" {
			delete(said, key)
		}
	}
}

// summary says whether e is a package's own line.
func summary(e event) bool {
	return e.Test == "" && (strings.HasPrefix(e.Output, "ok  \t") || strings.HasPrefix(e.Output, "?   \t"))
}

func verdict(w io.Writer, passed, failed int, skipped []string) error {
	for _, s := range skipped {
		fmt.Fprintf(w, "skipped:\n%s", s)
	}
	switch {
	case failed > 0:
		return fmt.Errorf("%d tests or packages failed", failed)
	case len(skipped) > 0:
		return fmt.Errorf("%d tests were skipped, and nothing may be", len(skipped))
	case passed == 0:
		return fmt.Errorf("no test ran")
	}
	return nil
}
