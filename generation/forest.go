package generation

import (
	"fmt"
	"strings"

	"ipp/lock/ref"
	"ipp/store"
)

// Exposed is what a tree brings to a forest.
type Exposed struct {
	Key      store.Key
	Bases    []string  // tree-relative directories, the more specific first; "." for the tree itself
	Commands []Command // sorted by name
	Top      []Entry   // what its bases bring to the forest's top, base by base; nil: Plan reads it
}

// Command is a name in a forest's bin, and the tree-relative path of its file.
type Command struct {
	Name ref.Command
	Path string
}

// Entry stands at the top of a base of a tree, and may join a forest.
type Entry struct {
	Path string // tree-relative
	Dir  bool   // else a link
}

// Member is a package that joins a forest. What its tree exposes is shared by all
// who know it, and never changed.
type Member struct {
	Name    ref.Name
	Version ref.Version
	*Exposed
}

// Forest is a planned forest: forest path to what it links to.
type Forest struct {
	trees []*Exposed // of the members by name, each tree once
	dirs  []string   // real directories, sorted, so that parents come first
	links []Link     // sorted by path
}

// Link is one link of a forest.
type Link struct {
	Path   string // in the forest
	Owner  *Member
	Target string // relative to the owner's tree
}

// Links lists the links by path.
func (f *Forest) Links() []Link { return f.links }

// Trees lists the trees that the links lead to, as CIDv1, each once.
func (f *Forest) Trees() []store.Key {
	keys := make([]store.Key, len(f.trees))
	for i, t := range f.trees {
		keys[i] = t.Key.V1()
	}
	return keys
}

// storeFromGeneration leads from a generation's directory,
// STATE/profiles/NAME/N, to the one store link, STATE/store.
const (
	storeFromGeneration = "../../../" + treesFromState
	treesFromState      = "store/trees/"
)

// target is what the link says on disk: relative to the directory it is in.
func (l Link) target() string { return string(l.appendTarget(nil)) }

func (l Link) appendTarget(b []byte) []byte {
	for range strings.Count(l.Path, "/") {
		b = append(b, "../"...)
	}
	b = l.Owner.Key.AppendText(append(b, storeFromGeneration...))
	return append(append(b, '/'), l.Target...)
}

// Conflict is a path that two packages bring.
type Conflict struct {
	Path string
	A, B Member
}

func (c Conflict) String() string {
	return fmt.Sprintf("%s is in both %s %s and %s %s", c.Path, c.A.Name, c.A.Version, c.B.Name, c.B.Version)
}

// ConflictError lists every conflict of a plan.
type ConflictError struct{ Conflicts []Conflict }

func (e *ConflictError) Error() string {
	said := make([]string, len(e.Conflicts))
	for i, c := range e.Conflicts {
		said[i] = c.String()
	}
	return "plan forest: " + strings.Join(said, "; ")
}
