package generation

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"ipp/lock"
	"ipp/lock/ref"
)

// binDir holds exactly the members' commands; the other directories of a forest
// are merged as they stand in the trees.
const binDir = "bin"

func isMerged(dir string) bool { return dir != binDir && lock.ForestDir(dir) }

// Plan plans the forest of members. trees is the store's directory of trees,
// and is read from several goroutines; prefer says which package wins a path,
// or everything below a directory. Files with equal contents (the same object)
// are no conflict.
//
// The order of members does not matter: where several bring the same object,
// the first by name gets the link. Names are compared as bytes, and links that
// differ in case alone are conflicts on macOS and Windows, whose file systems
// take them for one.
//
// Each base of a member is read once, unless Top says what it has; below that
// only the directories that two members, or two bases, share.
func Plan(members []Member, prefer map[string]ref.Name, trees fs.FS) (*Forest, error) {
	members = slices.Clone(members)
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(string(a.Name), string(b.Name)) })
	p := &planner{members: members, prefer: prefer, trees: trees, forest: &Forest{},
		folds: runtime.GOOS == "darwin" || runtime.GOOS == "windows"}
	if err := p.check(); err != nil {
		return nil, err
	}
	p.findTwins()
	if err := p.readBases(); err != nil {
		return nil, err
	}
	if err := p.mergeTop(p.top()); err != nil {
		return nil, err
	}
	return p.result()
}

// planner is one run of Plan.
type planner struct {
	members   []Member // by name
	twins     []bool   // whether a member before has the same tree
	prefer    map[string]ref.Name
	trees     fs.FS
	folds     bool // names that differ in case alone are one
	forest    *Forest
	conflicts []Conflict
}

// claim is what one member brings to a forest path. The claims of a path stand
// by member, then by base, the more specific first.
type claim struct {
	member int
	target string // tree-relative
	dir    bool
}

// check refuses members that no forest could hold. Packages are not trusted to
// name paths within themselves.
func (p *planner) check() error {
	for i, m := range p.members {
		if i > 0 && p.members[i-1].Name == m.Name {
			return fmt.Errorf("plan forest: two packages are named %s", m.Name)
		}
		for _, base := range m.Bases {
			if !fs.ValidPath(base) {
				return fmt.Errorf("plan forest: %s: %q is no path within its tree", m.Name, base)
			}
		}
		for _, c := range m.Commands {
			if !fs.ValidPath(c.Path) || c.Path == "." {
				return fmt.Errorf("plan forest: %s: %q is no path within its tree", m.Name, c.Path)
			}
		}
		for _, e := range m.Top {
			if !fs.ValidPath(e.Path) || !isMerged(path.Base(e.Path)) {
				return fmt.Errorf("plan forest: %s: %q is nothing that joins a forest", m.Name, e.Path)
			}
		}
	}
	return nil
}

// findTwins finds members that have the same tree.
func (p *planner) findTwins() {
	byTree := make([]int, len(p.members))
	for i := range byTree {
		byTree[i] = i
	}
	compare := func(a, b int) int {
		x, y := p.members[a].Key.V1(), p.members[b].Key.V1()
		return cmp.Or(strings.Compare(x.Root.KeyString(), y.Root.KeyString()), strings.Compare(x.Part, y.Part))
	}
	slices.SortFunc(byTree, func(a, b int) int { return cmp.Or(compare(a, b), a-b) })
	p.twins = make([]bool, len(p.members))
	for n := 1; n < len(byTree); n++ {
		p.twins[byTree[n]] = compare(byTree[n-1], byTree[n]) == 0
	}
}

// topClaim is a claim to a path at the top of the forest, or in bin.
type topClaim struct {
	at string
	claim
}

// top gathers what the members bring to the top of the forest, by path. bin is
// not read: its claims stand a level deeper, as bin/COMMAND.
func (p *planner) top() []topClaim {
	n := 0
	for _, m := range p.members {
		n += len(m.Commands) + len(m.Top)
	}
	all := make([]topClaim, 0, n)
	for i, m := range p.members {
		for _, c := range m.Commands {
			at := binDir + "/" + linkName(m, c)
			all = append(all, topClaim{at, claim{member: i, target: c.Path}})
		}
		for _, e := range m.Top {
			all = append(all, topClaim{path.Base(e.Path), claim{i, e.Path, e.Dir}})
		}
	}
	slices.SortStableFunc(all, func(a, b topClaim) int { return strings.Compare(a.at, b.at) })
	return all
}

// mergeTop decides what stands at each path.
func (p *planner) mergeTop(all []topClaim) error {
	p.forest.links = make([]Link, 0, len(all))
	var claims []claim
	for i, c := range all {
		claims = append(claims, c.claim)
		if i+1 < len(all) && all[i+1].at == c.at {
			continue
		}
		if err := p.merge(c.at, claims); err != nil {
			return err
		}
		claims = claims[:0] // none is kept
	}
	return nil
}

// linkName is what a command's link is called: Windows starts only what ends in
// .exe.
func linkName(m Member, c Command) string {
	const exe = ".exe"
	isExe := func(name string) bool { return strings.EqualFold(path.Ext(name), exe) }
	if strings.HasPrefix(m.Key.Part, "windows-") && isExe(c.Path) && !isExe(string(c.Name)) {
		return string(c.Name) + exe
	}
	return string(c.Name)
}

// readBases finds each member's forest directories, where they are not known.
// This is what the first generation of a large profile spends its planning on,
// 9 µs a base, so all cores help.
func (p *planner) readBases() error {
	errs := make([]error, len(p.members))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(p.members)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(p.members); i = int(next.Add(1)) - 1 {
				errs[i] = p.readMember(i)
			}
		})
	}
	workers.Wait()
	return errors.Join(errs...)
}

func (p *planner) readMember(member int) error {
	m := &p.members[member]
	if m.Top != nil {
		return nil
	}
	read := *m.Exposed
	read.Top = []Entry{}
	for _, base := range m.Bases {
		entries, err := p.readBase(member, base)
		if err != nil {
			return err
		}
		for _, e := range entries {
			// A plain file of that name is nothing that could be merged.
			if isMerged(e.Name()) && !e.Type().IsRegular() {
				read.Top = append(read.Top, Entry{path.Join(base, e.Name()), e.IsDir()})
			}
		}
	}
	m.Exposed = &read
	return nil
}

// readBase reads a base, which a package need not have; its tree must be there.
func (p *planner) readBase(member int, base string) ([]fs.DirEntry, error) {
	root := p.members[member].Key.String()
	entries, err := fs.ReadDir(p.trees, path.Join(root, base))
	if errors.Is(err, fs.ErrNotExist) {
		_, err = fs.Lstat(p.trees, root)
	}
	if err != nil {
		return nil, fmt.Errorf("plan forest: read tree of %s: %w", p.members[member].Name, err)
	}
	return entries, nil
}

// merge decides what stands at a forest path.
func (p *planner) merge(at string, claims []claim) error {
	if len(claims) == 1 { // as nearly all are in a large profile
		p.link(at, claims[0])
		return nil
	}
	claims = p.ownMerged(claims)
	dirs := filter(claims, func(c claim) bool { return c.dir })
	if len(dirs) == len(claims) {
		return p.mergeDirs(at, dirs)
	}
	rivals, err := p.rivals(claims)
	if err != nil {
		return err
	}
	if len(rivals) == 0 {
		p.link(at, claims[0])
		return nil
	}
	if winner, ok := p.preferred(at, claims); ok {
		if winner.dir {
			return p.mergeDirs(at, dirs)
		}
		p.link(at, winner)
		return nil
	}
	for _, r := range rivals {
		p.conflicts = append(p.conflicts, Conflict{at, p.members[claims[0].member], p.members[r.member]})
	}
	if len(dirs) > 1 {
		return p.mergeDirs(at, dirs) // so that one answer to all conflicts is enough
	}
	return nil
}

// mergeDirs links a directory whole where one claim is all there is, and makes
// it a real one, read and merged, where there are several.
func (p *planner) mergeDirs(at string, dirs []claim) error {
	if len(dirs) == 1 {
		p.link(at, dirs[0])
		return nil
	}
	p.forest.dirs = append(p.forest.dirs, at)
	below := map[string][]claim{}
	for _, d := range dirs {
		entries, err := fs.ReadDir(p.trees, p.file(d))
		if err != nil {
			return fmt.Errorf("plan forest: read tree of %s: %w", p.members[d.member].Name, err)
		}
		for _, e := range entries {
			below[e.Name()] = append(below[e.Name()], claim{d.member, path.Join(d.target, e.Name()), e.IsDir()})
		}
	}
	for _, name := range sortedKeys(below) {
		if err := p.merge(path.Join(at, name), below[name]); err != nil {
			return err
		}
	}
	return nil
}

// ownMerged settles what a member brings by several bases: the more specific
// base wins, and directories add up. A package that is here under two names
// counts once.
func (p *planner) ownMerged(claims []claim) []claim {
	var kept []claim
	for _, c := range claims {
		if n := len(kept); n > 0 && kept[n-1].member == c.member && !(kept[n-1].dir && c.dir) {
			continue
		}
		if p.twins[c.member] && slices.ContainsFunc(kept, func(k claim) bool { return p.file(k) == p.file(c) }) {
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

// rivals are the claims that clash with the first one.
func (p *planner) rivals(claims []claim) ([]claim, error) {
	var rivals []claim
	for _, c := range claims[1:] {
		if c.member == claims[0].member || c.dir && claims[0].dir {
			continue
		}
		same, err := p.same(claims[0], c)
		if err != nil {
			return nil, fmt.Errorf("plan forest: compare %s of %s and %s: %w",
				c.target, p.members[claims[0].member].Name, p.members[c.member].Name, err)
		}
		if !same {
			rivals = append(rivals, c)
		}
	}
	return rivals, nil
}

// preferred is the claim of the package that the nearest entry of prefer names:
// that of the path itself, or of a directory above it.
func (p *planner) preferred(at string, claims []claim) (claim, bool) {
	for ; at != "."; at = path.Dir(at) {
		for _, c := range claims {
			if p.prefer[at] == p.members[c.member].Name {
				return c, true
			}
		}
	}
	return claim{}, false
}

func (p *planner) link(at string, c claim) {
	p.forest.links = append(p.forest.links, Link{Path: at, Owner: &p.members[c.member], Target: c.target})
}

// file is where a claim's file is, below trees.
func (p *planner) file(c claim) string { return path.Join(p.members[c.member].Key.String(), c.target) }

// foldCase finds links that differ in case alone.
func (p *planner) foldCase() {
	first := map[string]Link{}
	for _, l := range p.forest.links {
		key := strings.ToLower(l.Path)
		before, taken := first[key]
		if !taken {
			first[key] = l
		} else if before.Owner != l.Owner {
			p.conflicts = append(p.conflicts, Conflict{l.Path, *before.Owner, *l.Owner})
		}
	}
}

// result sorts what was planned, or says every conflict.
func (p *planner) result() (*Forest, error) {
	if p.folds {
		p.foldCase()
	}
	if len(p.conflicts) > 0 {
		slices.SortFunc(p.conflicts, func(a, b Conflict) int { return strings.Compare(a.Path, b.Path) })
		return nil, &ConflictError{p.conflicts}
	}
	f := p.forest
	f.trees = make([]*Exposed, 0, len(p.members))
	for i, m := range p.members {
		if !p.twins[i] {
			f.trees = append(f.trees, m.Exposed)
		}
	}
	if slices.ContainsFunc(f.links, func(l Link) bool { return strings.HasPrefix(l.Path, binDir+"/") }) {
		f.dirs = append(f.dirs, binDir)
	}
	slices.Sort(f.dirs)
	slices.SortFunc(f.links, func(a, b Link) int { return strings.Compare(a.Path, b.Path) })
	return f, nil
}

func filter[T any](all []T, keep func(T) bool) []T {
	var kept []T
	for _, x := range all {
		if keep(x) {
			kept = append(kept, x)
		}
	}
	return kept
}

func sortedKeys[K ~string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
