package lock

import (
	"fmt"
	"slices"
	"strings"

	"ipp/lock/ref"
	"ipp/lock/trust"
	"ipp/store/dag"

	"github.com/ipfs/go-cid"
)

// NotFoundError says that no known package has the name, or none that matches;
// Near are names spelled alike (for whoever knows all names to fill in), Has
// the versions that are known, the newest first.
type NotFoundError struct {
	Name       ref.Name
	Constraint ref.Constraint
	CID        cid.Cid  // the wish was for this one
	Channel    ref.Name // the wish was for this channel
	NeededBy   ref.Name // "": the person
	Near       []ref.Name
	Has        []ref.Version
}

func (e *NotFoundError) Error() string {
	var b strings.Builder
	b.WriteString("find " + string(e.Name))
	switch {
	case e.CID.Defined():
		b.WriteString(" " + dag.CIDText(e.CID))
	case e.Constraint != (ref.Constraint{}) && !e.Constraint.IsAny():
		b.WriteString(" " + e.Constraint.String())
	}
	if e.Channel != "" {
		b.WriteString(" in channel " + string(e.Channel))
	}
	if e.NeededBy != "" {
		b.WriteString(", which " + string(e.NeededBy) + " needs")
	}
	if len(e.Has) == 0 {
		b.WriteString(": no such package is known")
	} else {
		b.WriteString(": only known as " + listVersions(e.Has))
	}
	if len(e.Near) > 0 {
		fmt.Fprintf(&b, "; spelled alike: %v", strings.Trim(fmt.Sprint(e.Near), "[]"))
	}
	return b.String()
}

// AmbiguousError lists packages of one name and version that differ (or come
// from different authors); the person has to say a CID.
type AmbiguousError struct {
	Name       ref.Name
	Candidates []Candidate
}

func (e *AmbiguousError) Error() string {
	said := make([]string, len(e.Candidates))
	for i, c := range e.Candidates {
		author := "unsigned"
		if c.Key != "" {
			author = "by " + c.Key
		}
		if k, err := trust.ParseKey(c.Key); err == nil {
			author = fmt.Sprintf("by %s, %s", k.Name(), k.Fingerprint())
		}
		said[i] = fmt.Sprintf("%s %s (%s)", c.Version, dag.CIDText(c.CID), author)
	}
	return fmt.Sprintf("choose %s: several packages have that name: %s", e.Name, strings.Join(said, ", "))
}

// UnsatisfiableError says which wishes clash.
type UnsatisfiableError struct {
	Name  ref.Name
	Asked map[ref.Name]ref.Constraint // who asks for what; "": the person
	CID   cid.Cid                     // what the person asks for, where that is no constraint
	Held  bool                        // the person holds it, so it can't move
	Loop  bool                        // some version suits all, but clashes with what others then need
	Has   []ref.Version               // the newest first
}

func (e *UnsatisfiableError) Error() string {
	var said []string
	for _, name := range sortedKeys(e.Asked) {
		who, what := string(name), e.Asked[name].String()
		if name == "" {
			who = "the profile"
			if e.CID.Defined() {
				what = dag.CIDText(e.CID)
			}
		}
		said = append(said, who+" asks for "+what)
	}
	if e.Held {
		said = append(said, "it is held")
	}
	why := "no version suits all"
	if e.Loop {
		why = "what suits all clashes with other choices"
	}
	return fmt.Sprintf("resolve %s: %s: %s; known: %s", e.Name, why, strings.Join(said, ", "), listVersions(e.Has))
}

// TooHardError says that the search was given up.
type TooHardError struct {
	Tries int
	Name  ref.Name // where it stood
}

func (e *TooHardError) Error() string {
	return fmt.Sprintf("resolve %s: no answer after %d tries; narrower constraints in profile.toml make the search shorter", e.Name, e.Tries)
}

// listVersions spells versions, but not hundreds of them.
func listVersions(versions []ref.Version) string {
	const most = 10
	said := make([]string, 0, most)
	for _, v := range versions[:min(most, len(versions))] {
		said = append(said, string(v))
	}
	if n := len(versions) - most; n > 0 {
		said = append(said, fmt.Sprintf("%d older", n))
	}
	return strings.Join(said, ", ")
}

// versionsOf lists the versions of options, the newest first, each once.
func versionsOf(options []*option) []ref.Version {
	var versions []ref.Version
	for _, o := range options {
		versions = append(versions, o.Version)
	}
	slices.SortFunc(versions, newestFirst)
	return slices.Compact(versions)
}
