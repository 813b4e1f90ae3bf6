package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	const start = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"a.go:1: why\n"}
`
	for _, c := range []struct{ name, events, want, err string }{
		{"pass", start + `{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"ok  \tp\t1s\n"}
{"Action":"pass","Package":"p"}
`, "ok  \tp\t1s\n", ""},
		{"fail", start + `{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t1s\n"}
{"Action":"fail","Package":"p"}
`, "=== RUN TestA\na.go:1: why\nFAIL\tp\t1s\n", "2 tests or packages failed"},
		{"skip", start + `{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}
`, "skipped:\n=== RUN TestA\na.go:1: why\n", "1 tests were skipped, and nothing may be"},
		{"no test files", `{"Action":"output","Package":"p","Output":"?   \tp\t[no test files]\n"}
{"Action":"skip","Package":"p"}
`, "?   \tp\t[no test files]\n", "no test ran"},
		{"build", `{"ImportPath":"p","Action":"build-output","Output":"a.go:1: undefined\n"}
{"ImportPath":"p","Action":"build-fail"}
`, "a.go:1: undefined\n", "1 tests or packages failed"},
		{"no JSON", "go: no such thing\n", "go: no such thing\n", "no test ran"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			err := report(strings.NewReader(c.events), &out)
			if text := out.String(); text != c.want {
				t.Errorf("printed %q, want %q", text, c.want)
			}
			if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}
