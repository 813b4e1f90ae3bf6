package pack

import (
	"cmp"
	"iter"
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

// mismatch is a fault of a path, with the CID that the manifest lists.
type mismatch struct {
	Fault
	want cid.Cid
}

// compare holds what was found against the manifest; both are sorted, as a
// manifest is. What is missing or extra below a directory that itself is goes
// without saying, and so does a directory whose CID differs because something
// below it does. unread says which paths were not looked at.
func compare(found, manifest iter.Seq2[Line, error], unread func(at string) bool) ([]mismatch, error) {
	var all []mismatch
	extra, missing := map[string]bool{}, map[string]bool{}
	err := merge(found, manifest, func(have, want *Line) {
		switch {
		case want == nil:
			if extra[have.Path] = true; !extra[path.Dir(have.Path)] || have.Path == "." {
				all = append(all, mismatch{Fault{have.Path, whyExtra}, cid.Undef})
			}
		case have == nil:
			if missing[want.Path] = true; !unread(want.Path) && (!missing[path.Dir(want.Path)] || want.Path == ".") {
				all = append(all, mismatch{Fault{want.Path, whyMissing}, want.CID})
			}
		case !sameCID(have.CID, want.CID):
			all = append(all, mismatch{Fault{want.Path, whyChanged}, want.CID})
		}
	})
	return withoutExplained(all), err
}

// merge walks two sorted lists side by side. see gets nil for what one of them
// lacks.
func merge(a, b iter.Seq2[Line, error], see func(a, b *Line)) error {
	nextA, stopA := iter.Pull2(a)
	defer stopA()
	nextB, stopB := iter.Pull2(b)
	defer stopB()
	x, errA, okA := nextA()
	y, errB, okB := nextB()
	for okA || okB {
		if errA != nil {
			return errA
		}
		if errB != nil {
			return errB
		}
		order := 0
		switch {
		case !okA:
			order = 1
		case !okB:
			order = -1
		default:
			order = comparePaths(x.Path, y.Path)
		}
		left, right := x, y
		switch {
		case order < 0:
			see(&left, nil)
		case order > 0:
			see(nil, &right)
		default:
			see(&left, &right)
		}
		if order <= 0 {
			x, errA, okA = nextA()
		}
		if order >= 0 {
			y, errB, okB = nextB()
		}
	}
	return nil
}

func faultsOf(all []mismatch) []Fault {
	faults := make([]Fault, len(all))
	for i, m := range all {
		faults[i] = m.Fault
	}
	return faults
}

// withoutExplained drops directories that differ because of what is below.
func withoutExplained(faults []mismatch) []mismatch {
	explained := map[string]bool{}
	for _, f := range faults {
		for at := f.Path; at != "."; {
			at = path.Dir(at)
			explained[at] = true
		}
	}
	return slices.DeleteFunc(faults, func(f mismatch) bool { return explained[f.Path] })
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

// compareLibraries holds deps/ against package.toml; found is what is there, by
// name.
func compareLibraries(m *Metadata, found map[ref.Name]cid.Cid) []Fault {
	if m == nil {
		return nil
	}
	var faults []Fault
	for name, c := range m.Libraries {
		at := DepsDir + "/" + string(name)
		if has, ok := found[name]; !ok {
			faults = append(faults, Fault{at, "is missing: package.toml names that library"})
		} else if !sameCID(has, c) {
			faults = append(faults, Fault{at, "is not the library that package.toml names"})
		}
	}
	return faults
}
