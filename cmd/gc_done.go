package cmd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ipp/cmd/term"
	"ipp/gc"
)

// gcResult is the JSON of gc.
type gcResult struct {
	DryRun  bool             `json:"dry_run"`
	Pruned  map[string][]int `json:"pruned"`           // generations by profile
	Trees   int              `json:"packages"`         // platforms' parts of packages removed
	Objects int              `json:"objects"`          // files removed
	Bytes   int64            `json:"bytes"`            // freed
	Staged  int64            `json:"staged_bytes"`     // of unfinished work, freed too
	InUse   []gcProcess      `json:"in_use,omitempty"` // running programs, whose files stay
	Busy    []gcLease        `json:"busy,omitempty"`   // other ipp at work, whose packages stay
}

type gcProcess struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
}

type gcLease struct {
	PID     int    `json:"pid"`
	Purpose string `json:"purpose"`
}

func (a *app) showCollected(done gc.Result) error {
	out := gcResult{Pruned: map[string][]int{}, Trees: done.Swept.Trees, Objects: done.Swept.Objects, Bytes: done.Swept.Bytes, Staged: done.Swept.Staged}
	for name, numbers := range done.Pruned {
		for _, n := range numbers {
			out.Pruned[string(name)] = append(out.Pruned[string(name)], int(n))
		}
	}
	for _, p := range done.InUse {
		if program := (gcProcess{p.PID, p.Name}); !slices.Contains(out.InUse, program) {
			out.InUse = append(out.InUse, program)
		}
	}
	for _, l := range done.Leases {
		if slices.ContainsFunc(out.InUse, func(p gcProcess) bool { return p.PID == l.PID }) {
			continue // the lease of ipp run is the program's
		}
		out.Busy = append(out.Busy, gcLease{l.PID, l.Purpose})
	}
	if a.json {
		return a.printJSON(out)
	}
	for _, name := range slices.Sorted(mapKeys(out.Pruned)) {
		a.printf("profile %s: %s pruned\n", name, generationsText(out.Pruned[name]))
	}
	for _, p := range byName(out.InUse) {
		a.printf("%s is running: what it uses stays\n", term.Safe(p))
	}
	for _, l := range out.Busy {
		a.printf("%s (PID %d) is at work: what it needs stays\n", term.Safe(l.Purpose), l.PID)
	}
	if out.Staged > 0 {
		a.printf("freed %s that commands which were cut off had staged\n", term.Bytes(out.Staged))
	}
	if out.Trees == 0 && out.Objects == 0 && len(out.Pruned) == 0 {
		if out.Staged > 0 {
			return nil
		}
		a.println("nothing to do: all that is in the store is needed")
		return nil
	}
	a.printf("freed %s: %s, %s\n", term.Bytes(out.Bytes), plural(out.Trees, "package part"), plural(out.Objects, "file"))
	return nil
}

// byName names running programs, each with its processes: forks are told as one.
func byName(list []gcProcess) []string {
	var names []string
	first, more := map[string]int{}, map[string]int{}
	for _, p := range list {
		if _, ok := first[p.Name]; ok {
			more[p.Name]++
			continue
		}
		first[p.Name] = p.PID
		names = append(names, p.Name)
	}
	for i, n := range names {
		names[i] = fmt.Sprintf("%s (PID %d)", n, first[n])
		if more[n] > 0 {
			names[i] = fmt.Sprintf("%s (PID %d and %d more)", n, first[n], more[n])
		}
	}
	return names
}

// generationsText spells numbers with the runs among them: "generations 1-3, 7".
func generationsText(numbers []int) string {
	slices.Sort(numbers)
	var words []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		word := strconv.Itoa(numbers[i])
		if j > i {
			word += "-" + strconv.Itoa(numbers[j])
		}
		words, i = append(words, word), j+1
	}
	if len(numbers) == 1 {
		return "generation " + words[0]
	}
	return "generations " + strings.Join(words, ", ")
}
