package pack

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"ipp/lock/ref"

	"github.com/ipfs/go-cid"
)

// Fault is a path that does not match the manifest, or the DAG.
type Fault struct{ Path, Why string }

// What is wrong with a path.
const (
	whyMissing = "is missing: PackManifest lists it"
	whyExtra   = "is extra: PackManifest does not list it"
	whyChanged = "is changed: PackManifest lists another CID"
)

// compare holds what was found against the manifest. What is missing or extra
// below a directory that itself is goes without saying, and so does a directory
// whose CID differs because something below it does. unread says which paths
// were not looked at.
func compare(found, manifest []Line, unread func(at string) bool) []Fault {
	listed, present := byPath(manifest), byPath(found)
	var faults []Fault
	for at, line := range present {
		switch want, ok := listed[at]; {
		case !ok && !hasParentIn(present, listed, at):
			faults = append(faults, Fault{at, whyExtra})
		case ok && !sameCID(line.CID, want.CID):
			faults = append(faults, Fault{at, whyChanged})
		}
	}
	for at := range listed {
		if _, ok := present[at]; !ok && !unread(at) && !hasParentIn(listed, present, at) {
			faults = append(faults, Fault{at, whyMissing})
		}
	}
	return sortFaults(withoutExplained(faults))
}

func byPath(lines []Line) map[string]Line {
	m := make(map[string]Line, len(lines))
	for _, l := range lines {
		m[l.Path] = l
	}
	return m
}

// hasParentIn says whether the parent of a path stands in one list and not in
// the other, as the path itself does.
func hasParentIn(in, notIn map[string]Line, at string) bool {
	_, a := in[path.Dir(at)]
	_, b := notIn[path.Dir(at)]
	return a && !b
}

// withoutExplained drops directories that differ because of what is below.
func withoutExplained(faults []Fault) []Fault {
	explained := map[string]bool{}
	for _, f := range faults {
		for at := f.Path; at != "."; {
			at = path.Dir(at)
			explained[at] = true
		}
	}
	return slices.DeleteFunc(faults, func(f Fault) bool { return explained[f.Path] })
}

func sortFaults(faults []Fault) []Fault {
	slices.SortFunc(faults, func(a, b Fault) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Why, b.Why)) })
	return faults
}

// sameCID compares CIDs of any version.
func sameCID(a, b cid.Cid) bool {
	return a.Type() == b.Type() && string(a.Hash()) == string(b.Hash())
}

// libraryOf is the library of m that a path is or is below, or "".
func libraryOf(m *Metadata, at string) ref.Name {
	rest, ok := strings.CutPrefix(at, DepsDir+"/")
	if m == nil || !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	if _, ok := m.Libraries[ref.Name(name)]; !ok {
		return ""
	}
	return ref.Name(name)
}

// compareLibraries holds deps/ against package.toml.
func compareLibraries(m *Metadata, found []Line) []Fault {
	if m == nil {
		return nil
	}
	var faults []Fault
	present := byPath(found)
	for name, c := range m.Libraries {
		at := DepsDir + "/" + string(name)
		if l, ok := present[at]; !ok {
			faults = append(faults, Fault{at, "is missing: package.toml names that library"})
		} else if !sameCID(l.CID, c) {
			faults = append(faults, Fault{at, "is not the library that package.toml names"})
		}
	}
	return faults
}
