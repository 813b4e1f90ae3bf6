// An explicit-state model of ipp's store: installers, a rollback, a running program and collectors take turns, one
// system call that matters a step. Any of them may be killed between two steps. A power cut may come between any two
// and decides for every name that was not fsynced whether it is the old or the new one, and whether what was not synced
// is whole. Each rule of the protocol is a switch: with all of them on no invariant breaks; without any one of them (but
// those that README.md names) some invariant does.
package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
)

// unnoticed is the rule that may be dropped; README.md says why.
const unnoticed = "PackLock"

// options of a run.
type options struct {
	only, limit int
	trace, all  bool
}

func main() {
	off := flag.String("off", "", "rules to switch off, joined by +; each: every one in turn")
	var o options
	flag.IntVar(&o.only, "scen", -1, "only this scenario")
	flag.IntVar(&o.limit, "limit", 12000000, "most states a scenario")
	flag.BoolVar(&o.trace, "trace", false, "print the shortest traces")
	flag.BoolVar(&o.all, "all", false, "go on after the first violation")
	flag.Parse()

	list := []string{*off}
	if *off == "each" {
		list = ruleNames()
	}
	status := 0
	for _, off := range list {
		found, err := o.run(off)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if caught := found > 0; caught != (off != "") && off != unnoticed {
			status = 1
		}
	}
	os.Exit(status)
}

// run explores the scenarios without the rules off, prints what breaks, and
// returns how many violations there were.
func (o options) run(off string) (found int, err error) {
	r, err := rules(off)
	if err != nil {
		return 0, err
	}
	total := 0
	for i, sc := range scenarios() {
		if o.only >= 0 && i != o.only {
			continue
		}
		n, complete, viol := sc.model(r).explore(o.limit, !o.all)
		total, found = total+n, found+len(viol)
		if off == "" {
			fmt.Printf("%2d %-34s %9d states, complete: %v\n", i, sc.name, n, complete)
		}
		for _, k := range slices.Sorted(maps.Keys(viol)) {
			fmt.Printf("   VIOLATION %s in scenario %d (%s), %d steps\n", k, i, sc.name, len(viol[k]))
			for _, l := range viol[k] {
				if o.trace {
					fmt.Println("      " + l)
				}
			}
		}
		if len(viol) > 0 && !o.all {
			break
		}
	}
	fmt.Printf("off: %-16s %9d states, %d violations\n", off, total, found)
	return found, nil
}
