package tests

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "ipp"

// goPackage is what `go list` says of a package.
type goPackage struct {
	ImportPath     string
	Dir            string
	Export         string
	Imports        []string
	GoFiles        []string
	IgnoredGoFiles []string
}

// room is the package's folder below the top of the module.
func (p goPackage) room() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// goList lists our product packages as they are built for goos ("": this
// system), tests aside.
func goList(t *testing.T, goos string) (pkgs []goPackage) {
	t.Helper()
	for _, p := range runGoList(t, goos, "./...") {
		if p.room() != "tests" && !strings.HasPrefix(p.room(), "tests/") {
			pkgs = append(pkgs, p)
		}
	}
	return pkgs
}

// goListDeps lists all that our product packages are linked from; export also
// compiles it.
func goListDeps(t *testing.T, goos string, export bool) []goPackage {
	t.Helper()
	args := []string{"-deps"}
	if export {
		args = append(args, "-export")
	}
	for _, p := range goList(t, goos) {
		args = append(args, p.ImportPath)
	}
	return runGoList(t, goos, args...)
}

func runGoList(t *testing.T, goos string, args ...string) (pkgs []goPackage) {
	t.Helper()
	const fields = "-json=ImportPath,Dir,Export,Imports,GoFiles,IgnoredGoFiles"
	cmd := exec.Command("go", append([]string{"list", fields}, args...)...)
	cmd.Dir = ".."
	if goos != "" {
		cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
}

// parseAll parses files of dir that are not tests.
func parseAll(t *testing.T, fset *token.FileSet, dir string, names []string) (files []*ast.File) {
	t.Helper()
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// position is FILE:LINE, without the folder.
func position(fset *token.FileSet, pos token.Pos) string {
	p := fset.Position(pos)
	return fmt.Sprintf("%s:%d", filepath.Base(p.Filename), p.Line)
}

// compareAt orders FILE:LINE as a reader would.
func compareAt(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// report fails t with each line of bad.
func report(t *testing.T, where string, bad []string) {
	t.Helper()
	for _, b := range bad {
		t.Errorf("%s: %s", where, b)
	}
}

// expect fails t unless got holds exactly want, in any order.
func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	want = slices.Sorted(slices.Values(want))
	got = slices.Sorted(slices.Values(got))
	if !slices.Equal(got, want) {
		t.Errorf("got:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}
