//go:build linux

package soak

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// What may happen because somebody else was faster. Of a package that a root
// keeps, or that is always installed, none of it may.
var (
	notInstalled = may{3, regexp.MustCompile(`not installed in profile`), "not installed"}
	unknown      = may{3, regexp.MustCompile(`no such package is known|only known as`), "unknown"}
	unknownToRun = may{125, unknown.says, "unknown"}
	notKept      = may{3, regexp.MustCompile(`is not kept as a packed or imported package`), "not kept"}
	first        = may{3, regexp.MustCompile(`generation \d+ is a first one`), "first"}
	pruned       = may{3, regexp.MustCompile(`it was removed by gc`), "pruned"}
)

// action is a command that several workers give in one profile.
type action struct {
	often int
	args  func(r *rand.Rand) []string
	may   []may
}

func file(r *rand.Rand) string {
	return car(one(r, slices.Concat(kept, loose)...), one(r, versions...))
}

func at(name string, r *rand.Rand) string { return name + "@" + one(r, versions...) }

// actions are all of them. Where one has no outcome beside success, it must
// succeed whatever others do.
var actions = []action{
	{14, func(r *rand.Rand) []string { return []string{"install", file(r)} }, nil},
	{4, func(r *rand.Rand) []string {
		return []string{"install", car("loose", one(r, versions...)), car("stray", one(r, versions...))}
	}, nil},
	{3, func(r *rand.Rand) []string { return []string{"install", "./" + dirOf("stray", one(r, versions...))} }, nil},
	{8, func(r *rand.Rand) []string { return []string{"install", at(one(r, kept...), r)} }, nil},
	{4, func(r *rand.Rand) []string { return []string{"install", one(r, kept...)} }, nil},
	{4, func(r *rand.Rand) []string { return []string{"install", at(one(r, loose...), r)} }, []may{unknown}},
	{8, func(r *rand.Rand) []string { return []string{"switch", at(always, r)} }, nil},
	{4, func(r *rand.Rand) []string { return []string{"switch", at("beta", r)} }, []may{notInstalled}},
	{4, func(r *rand.Rand) []string { return []string{"switch", at("loose", r)} }, []may{notInstalled, unknown}},
	{4, func(r *rand.Rand) []string { return []string{"upgrade"} }, nil},
	{3, func(r *rand.Rand) []string { return []string{"upgrade", always} }, nil},
	{8, func(r *rand.Rand) []string { return []string{"remove", one(r, "beta", "loose", "stray")} }, []may{notInstalled}},
	{10, func(r *rand.Rand) []string { return []string{"rollback"} }, []may{first, pruned}},
	{2, func(r *rand.Rand) []string { return []string{"import", file(r)} }, nil},
	{2, func(r *rand.Rand) []string { return []string{"pack", "./" + dirOf("stray", one(r, versions...))} }, nil},
	{8, func(r *rand.Rand) []string { return []string{"forget", at(one(r, loose...), r), "--yes"} }, []may{notKept, unknown}},
	{6, func(r *rand.Rand) []string { return []string{"run", file(r)} }, nil},
	{4, func(r *rand.Rand) []string { return []string{"run", at(one(r, kept...), r)} }, nil},
	{2, func(r *rand.Rand) []string { return []string{"run", at(one(r, loose...), r)} }, []may{unknownToRun}},
	{2, func(r *rand.Rand) []string { return []string{"list"} }, nil},
	{2, func(r *rand.Rand) []string { return []string{"list", "--store"} }, nil},
	{2, func(r *rand.Rand) []string { return []string{"history"} }, nil},
	{2, func(r *rand.Rand) []string { return []string{"verify", at(one(r, kept...), r)} }, nil},
	{2, func(r *rand.Rand) []string {
		return []string{"export", at(one(r, kept...), r), "-o", "out-" + strconv.Itoa(r.IntN(1e9))}
	}, nil},
}

// collections are the ways to collect.
var collections = []action{
	{4, func(r *rand.Rand) []string { return []string{"gc", "--keep", "1"} }, nil},
	{1, func(r *rand.Rand) []string { return []string{"gc", "--keep", "1", "--json"} }, nil},
	{1, func(r *rand.Rand) []string { return []string{"gc", "--keep", "2"} }, nil},
	{1, func(r *rand.Rand) []string { return []string{"gc"} }, nil},
	{1, func(r *rand.Rand) []string { return []string{"gc", "--dry-run", "--keep", "1"} }, nil},
	{1, func(r *rand.Rand) []string { return []string{"gc", "--older-than", "1h"} }, nil},
}

// share gives a command in a profile that others change too, or holds a program,
// or collects.
func (w *worker) share(profile string) {
	w.pause(100 * time.Millisecond) // others need their turn too
	switch w.rand.IntN(12) {
	case 0:
		w.holdRun()
	case 1:
		w.collect() // two may do so
	default:
		a := w.choose(actions)
		w.try(profile, a.args(w.rand), a.may...)
	}
}

// choose chooses an action, each as often as it says.
func (w *worker) choose(list []action) action {
	total := 0
	for _, a := range list {
		total += a.often
	}
	n := w.rand.IntN(total)
	for _, a := range list {
		if n -= a.often; n < 0 {
			return a
		}
	}
	panic("not reached")
}

// try gives a command, in a profile where it is of one, which ends with success
// or as it may.
func (w *worker) try(profile string, args []string, allowed ...may) (o outcome, ended string) {
	if profile != "" {
		args = slices.Insert(args, 1, "--profile", profile)
	}
	if w.rand.IntN(12) == 0 {
		args = slices.Insert(args, 1, "--no-wait")
	}
	o = w.start(w.signal(args[0] == "rollback" && profile != alone), args)
	ended, ok := o.ended(allowed)
	w.count(args[0], ended)
	if !ok {
		w.bad("%v", o)
	}
	if ended == "killed" && o.sent == syscall.SIGKILL {
		w.mu.Lock()
		w.killed[profile+" "+args[0]]++
		w.mu.Unlock()
	}
	return o, ended
}

// collect collects.
func (w *worker) collect() { w.try("", w.choose(collections).args(w.rand)) }

// look checks and searches, and throws the index away.
func (w *worker) look() {
	w.pause(100 * time.Millisecond)
	switch w.rand.IntN(6) {
	case 0, 1:
		w.try("", []string{"check"})
	case 2:
		w.try("", []string{"show", one(w.rand, kept...)})
	case 3:
		if err := os.RemoveAll(filepath.Join(w.store(), "index")); err != nil {
			w.bad("remove the index: %v", err)
		}
	default:
		name := one(w.rand, kept...)
		o, ended := w.try("", []string{"search", name})
		for _, version := range versions {
			if ended == "done" && !regexp.MustCompile(`(?m)^`+name+` +`+version).MatchString(o.out) {
				w.bad("it does not find %s %s: %v", name, version, o)
			}
		}
	}
}
