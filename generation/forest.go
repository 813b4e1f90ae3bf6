package generation

import (
	"fmt"
	"strings"

	"ipp/lock/ref"
	"ipp/store"
)

// Member is a package that joins a forest: its tree and what it exposes.
type Member struct {
	Name     ref.Name
	Version  ref.Version
	Key      store.Key
	Bases    []string               // tree-relative directories, the more specific first; "." for the tree itself
	Commands map[ref.Command]string // forest bin: command to tree-relative path
	Top      []Entry                // what its bases bring to the forest's top, base by base; nil: Plan reads it
}

// Forest is a planned forest: forest path to what it links to.
type Forest struct {
	members []Member // by name
	dirs    []string // real directories, sorted, so that parents come first
	links   []Link   // sorted by path
}

// Link is one link of a forest.
type Link struct {
	Path   string    // in the forest
	Owner  ref.Name  // the package
	Key    store.Key // its tree
	Target string    // tree-relative
}

// Links lists the links by path.
func (f *Forest) Links() []Link { return f.links }

// storeFromGeneration leads from a generation's directory,
// STATE/profiles/NAME/N, to the one store link, STATE/store.
const storeFromGeneration = "../../../store/trees/"

// target is what the link says on disk: relative to the directory it is in.
func (l Link) target() string {
	deeper := strings.Repeat("../", strings.Count(l.Path, "/"))
	return deeper + storeFromGeneration + l.Key.String() + "/" + l.Target
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
