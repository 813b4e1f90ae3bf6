package tests

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// importPolicy says which rooms a room may import, in the order in which data
// flows: a room stands below all that it imports. A room that is not here must
// not exist; a line without a room is a lie. What a room's tests import is not
// its business.
const importPolicy = `
	# words and tools, which know nothing of ours
	lock/ref:
	lock/trust:     lock/ref
	lock/toml:
	store/durable:
	store/flock:
	store/dag:

	# what is on this disk: no names, no versions, no profiles, no network
	store:          store/dag store/durable store/flock
	store/index:    store store/dag store/durable store/flock
	store/pack:     store store/dag lock/ref lock/toml lock/trust

	# the network, and nothing but blocks
	store/ipfs:     store/dag
	store/ipfs/web: store/dag
	store/ipfs/wire: store/dag
	store/ipfs/node: store/ipfs store/ipfs/web store/ipfs/wire store/dag
	store/ipfs/pin: store/ipfs/web lock/toml
	store/ipfs/gateway: store/dag

	# what is wished for, and what exactly that is
	lock:           lock/ref lock/toml lock/trust store/dag

	# the forest, the pointer, and what nothing holds any more
	generation:     lock lock/ref lock/toml store store/durable
	profile:        generation lock lock/ref store store/durable store/flock
	gc:             profile generation store lock lock/ref

	# everything that a person sees
	cmd/schema:
	cmd/shell:
	cmd/term:
	cmd/web:
	cmd:            *
	cmd/ipp:        cmd
`

// durableRooms may rename, link and fsync. store/flock is the one exception: a
// lease has to appear under its name already locked, so its file is locked
// under another name, then renamed without replacing.
var durableRooms = map[string][]string{
	"store/durable": {"*"},
	"store/flock":   {"os.Rename", "unix.Link", "unix.Renameat2", "unix.RenamexNp", "windows.MoveFileEx"},
}

// durableFuncs are what makes a name or its contents durable, or moves it.
var durableFuncs = []string{
	"os.Rename", "os.Link", "os.Symlink",
	"os.File.Sync", "os.Root.Rename", "os.Root.Link", "os.Root.Symlink",
	"unix.Fsync", "unix.Fdatasync", "unix.Sync", "unix.Syncfs", "unix.SyncFileRange", "unix.Msync",
	"unix.Rename", "unix.Renameat", "unix.Renameat2", "unix.Link", "unix.Linkat", "unix.Symlink", "unix.Symlinkat",
	"unix.RenamexNp", "unix.RenameatxNp", "unix.Clonefile", "unix.Clonefileat",
	"syscall.Fsync", "syscall.Fdatasync", "syscall.Sync", "syscall.SyncFileRange",
	"syscall.Rename", "syscall.Renameat", "syscall.Link", "syscall.Linkat", "syscall.Symlink", "syscall.Symlinkat",
	"syscall.FlushFileBuffers", "syscall.CreateHardLink", "syscall.CreateSymbolicLink", "syscall.MoveFile",
	"windows.FlushFileBuffers", "windows.MoveFile", "windows.MoveFileEx", "windows.CreateHardLink", "windows.CreateSymbolicLink",
}

// printFuncs write to the process's own output, or end it: cmd's alone.
var printFuncs = []string{
	"fmt.Print", "fmt.Printf", "fmt.Println", "os.Stdout", "os.Stderr", "os.Exit", "syscall.Exit", "unix.Exit",
	"log.Print", "log.Printf", "log.Println", "log.Fatal", "log.Fatalf", "log.Fatalln", "log.Panic", "log.Panicf",
	"log.Panicln", "log.Default", "log.Writer", "slog.Debug", "slog.Info", "slog.Warn", "slog.Error", "slog.Default",
	"builtin.print", "builtin.println",
}

// dialling is what reaches a network: it is for the rooms of diallingRooms alone.
// cmd may listen, and hand them what it listens on, and a page.
var dialling = []string{"net", "net/http", "net/rpc", "net/smtp", "crypto/tls", "golang.org/x/net/", "github.com/libp2p/",
	"github.com/ipfs/boxo/bitswap", "github.com/ipfs/boxo/routing/", "github.com/ipfs/boxo/namesys", "github.com/ipfs/kubo"}

const diallingRooms = "store/ipfs/"

var listening = []string{"net", "net/http"}

// neverLinked is not even linked in through somebody else.
var neverLinked = []string{"github.com/ipfs/boxo/gateway", "github.com/ipfs/kubo", "github.com/quic-go/", "github.com/pion/", "github.com/santhosh-tekuri/", "testing"}

// TestImports holds the arrows between rooms, for each system we build for.
func TestImports(t *testing.T) {
	policy := parsePolicy(t, importPolicy)
	for _, goos := range []string{"linux", "darwin", "windows"} {
		pkgs := goList(t, goos)
		report(t, goos, checkImports(policy, pkgs))
	}
}

// TestLinked holds what the binary never carries.
func TestLinked(t *testing.T) {
	var pkgs []goPackage
	for _, p := range goListDeps(t, "linux", false) {
		pkgs = append(pkgs, goPackage{ImportPath: p.ImportPath})
	}
	report(t, "linux", checkLinked(pkgs))
}

// TestUses holds that only store/durable renames, links and syncs, and that
// only cmd prints and exits. Types say what a call is on this system; for the
// files of other systems their imports do.
func TestUses(t *testing.T) {
	fset := token.NewFileSet()
	imp := exportImporter(t, fset, goListDeps(t, "", true))
	for _, p := range goList(t, "") {
		uses, err := typedUses(fset, imp, p.ImportPath, parseAll(t, fset, p.Dir, p.GoFiles))
		if err != nil {
			t.Errorf("%s: %v", p.ImportPath, err)
		}
		uses = append(uses, namedUses(fset, parseAll(t, fset, p.Dir, p.IgnoredGoFiles))...)
		report(t, p.ImportPath, checkUses(p.room(), uses))
	}
}

// TestPolicyCanFail breaks each rule once, in packages that exist only here.
func TestPolicyCanFail(t *testing.T) {
	policy := parsePolicy(t, "a:\nb: a\ncmd: *\nc:\n")
	pkgs := []goPackage{
		{ImportPath: module + "/a", Imports: []string{"os", module + "/b"}},
		{ImportPath: module + "/b", Imports: []string{module + "/a", "net/http", "github.com/libp2p/go-libp2p/core"}},
		{ImportPath: module + "/cmd", Imports: []string{module + "/a", module + "/b", module + "/tests/support"}},
		{ImportPath: module + "/d"},
	}
	expect(t, checkImports(policy, pkgs),
		"a imports b", "b imports net/http", "b imports github.com/libp2p/go-libp2p/core",
		"cmd imports tests/support", "d is not in the policy", "c is in the policy and not in the module")
	expect(t, checkLinked([]goPackage{{ImportPath: "os"}, {ImportPath: "github.com/ipfs/boxo/gateway/assets"}}),
		"github.com/ipfs/boxo/gateway/assets is linked in")
}

// TestUsesCanFail does the same for calls.
func TestUsesCanFail(t *testing.T) {
	const src = `package a
import ("fmt"; "os"; other "os")
type mine struct{}
func (mine) Sync() error { return nil }
func f(f *os.File, r *os.Root) {
	other.Rename("a", "b")
	move := os.Link
	move("a", "b")
	f.Sync()
	mine{}.Sync()
	r.Symlink("a", "b")
	fmt.Fprintln(os.Stderr, fmt.Sprint(1))
	println()
	var w interface{ Sync() error } = f
	w.Sync()
	os.Exit(1)
}`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "a.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	uses, err := typedUses(fset, exportImporter(t, fset, goListDeps(t, "", true)), "a", []*ast.File{file})
	if err != nil {
		t.Fatal(err)
	}
	durable := []string{"a.go:6: os.Rename", "a.go:7: os.Link", "a.go:9: os.File.Sync", "a.go:11: os.Root.Symlink"}
	prints := []string{"a.go:12: os.Stderr", "a.go:13: builtin.println", "a.go:16: os.Exit"}
	expect(t, checkUses("store", uses), append(slices.Clone(durable), prints...)...)
	expect(t, checkUses("store/durable", uses), prints...)
	expect(t, checkUses("cmd", uses), durable...)
	expect(t, checkUses("store/flock", append(uses, use{"b.go:1", "unix.Link"})), append(slices.Clone(durable[1:]), prints...)...)
	expect(t, checkUses("store", namedUses(fset, []*ast.File{file})), durable[0], durable[1], prints[0], prints[2])
}

// parsePolicy reads "room: imports" lines.
func parsePolicy(t *testing.T, text string) map[string][]string {
	t.Helper()
	policy := map[string][]string{}
	for _, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		if line == "" {
			continue
		}
		room, imports, ok := strings.Cut(line, ":")
		if _, twice := policy[room]; !ok || twice {
			t.Fatalf("import policy: bad line %q", line)
		}
		policy[room] = strings.Fields(imports)
	}
	for room, imports := range policy {
		for _, i := range imports {
			if _, ok := policy[i]; !ok && i != "*" {
				t.Fatalf("import policy: %s imports %s, which has no line", room, i)
			}
		}
	}
	return policy
}

func checkImports(policy map[string][]string, pkgs []goPackage) (bad []string) {
	seen := map[string]bool{}
	for _, p := range pkgs {
		room := p.room()
		seen[room] = true
		allowed, ok := policy[room]
		if !ok {
			bad = append(bad, room+" is not in the policy")
			continue
		}
		for _, i := range p.Imports {
			ours, isOurs := strings.CutPrefix(i, module+"/")
			_, isRoom := policy[ours]
			switch {
			case isOurs && !(isRoom && slices.Contains(allowed, "*")) && !slices.Contains(allowed, ours):
				bad = append(bad, room+" imports "+ours)
			case !isOurs && hasPrefix(i, dialling) && !strings.HasPrefix(room, diallingRooms) && !(room == "cmd" && slices.Contains(listening, i)):
				bad = append(bad, room+" imports "+i)
			}
		}
	}
	for room := range policy {
		if !seen[room] {
			bad = append(bad, room+" is in the policy and not in the module")
		}
	}
	slices.Sort(bad)
	return bad
}

func checkLinked(pkgs []goPackage) (bad []string) {
	for _, p := range pkgs {
		if hasPrefix(p.ImportPath, neverLinked) {
			bad = append(bad, p.ImportPath+" is linked in")
		}
	}
	return bad
}

// hasPrefix says whether path is one of list, or below it.
func hasPrefix(path string, list []string) bool {
	return slices.ContainsFunc(list, func(l string) bool {
		return path == l || strings.HasPrefix(path, strings.TrimSuffix(l, "/")+"/") && l != "net"
	})
}

// use is a function, method or variable that a line uses.
type use struct{ at, name string }

func checkUses(room string, uses []use) (bad []string) {
	durable := durableRooms[room]
	prints := room == "cmd" || strings.HasPrefix(room, "cmd/")
	for _, u := range uses {
		moves := slices.Contains(durableFuncs, u.name) && !slices.Contains(durable, "*") && !slices.Contains(durable, u.name)
		if moves || slices.Contains(printFuncs, u.name) && !prints {
			bad = append(bad, u.at+": "+u.name)
		}
	}
	return bad
}

// typedUses lists what the files of one package use of the standard library
// and golang.org/x/sys: package.Func or package.Type.Method.
func typedUses(fset *token.FileSet, imp types.Importer, path string, files []*ast.File) (uses []use, err error) {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: imp}
	if _, err := conf.Check(path, fset, files, info); err != nil {
		return nil, fmt.Errorf("check types: %w", err)
	}
	for id, obj := range info.Uses {
		if name := objectName(obj); name != "" {
			uses = append(uses, use{position(fset, id.Pos()), name})
		}
	}
	slices.SortFunc(uses, func(a, b use) int { return compareAt(a.at, b.at) })
	return uses, nil
}

func objectName(obj types.Object) string {
	if _, ok := obj.(*types.Builtin); ok {
		return "builtin." + obj.Name()
	}
	if obj.Pkg() == nil {
		return ""
	}
	name := obj.Pkg().Name() + "."
	f, ok := obj.(*types.Func)
	if !ok {
		return name + obj.Name()
	}
	if recv := f.Signature().Recv(); recv != nil {
		t := recv.Type()
		if p, ok := t.(*types.Pointer); ok {
			t = p.Elem()
		}
		if n, ok := t.(*types.Named); ok {
			name += n.Obj().Name() + "."
		}
	}
	return name + obj.Name()
}

// namedUses lists what files use as package.Name, by their import lines alone.
func namedUses(fset *token.FileSet, files []*ast.File) (uses []use) {
	for _, f := range files {
		imports := map[string]string{}
		for _, i := range f.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			base := path[strings.LastIndex(path, "/")+1:]
			if imports[base] = base; i.Name != nil {
				imports[i.Name.Name] = base
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && imports[x.Name] != "" {
					uses = append(uses, use{position(fset, x.Pos()), imports[x.Name] + "." + sel.Sel.Name})
				}
			}
			return true
		})
	}
	return uses
}

// exportImporter imports from what the go command compiled.
func exportImporter(t *testing.T, fset *token.FileSet, pkgs []goPackage) types.Importer {
	t.Helper()
	exports := map[string]string{}
	for _, p := range pkgs {
		exports[p.ImportPath] = p.Export
	}
	return importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
}
