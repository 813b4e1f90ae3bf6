package main

import (
	"fmt"
	"strings"
)

// search is a walk over all states, breadth first.
type search struct {
	m      *M
	seen   map[S]struct{}
	recs   []step  // how each state was first reached
	queue  []S     // states whose successors are still to be found,
	nums   []int32 // and their indices in recs
	labels map[string]int16
	texts  []string
	viol   map[string][]string // the shortest trace to each kind of violation
}

type step struct {
	from  int32
	label int16
}

// explore walks all states; it returns their number, whether that is all, and
// the shortest trace to each kind of violation.
func (m *M) explore(limit int, stopFirst bool) (int, bool, map[string][]string) {
	x := &search{m: m, seen: map[S]struct{}{start(): {}}, recs: []step{{-1, 0}}, queue: []S{start()}, nums: []int32{0},
		labels: map[string]int16{}, viol: map[string][]string{}}
	for head := 0; head < len(x.queue); {
		if head == 1<<20 { // let the queue's head go
			x.queue, x.nums, head = append([]S(nil), x.queue[head:]...), append([]int32(nil), x.nums[head:]...), 0
		}
		s, id := x.queue[head], x.nums[head]
		head++
		x.processes(s, id)
		x.misfortunes(s, id)
		if stopFirst && len(x.viol) > 0 || len(x.seen) > limit {
			return len(x.seen), false, x.viol
		}
	}
	return len(x.seen), true, x.viol
}

// processes lets each process take its next step, or be killed before it.
func (x *search) processes(s S, id int32) {
	waiting, moved := false, false
	for p, proc := range x.m.procs {
		if proc.kind == Idle || s.pc[p] == over {
			continue
		}
		waiting = true
		for _, n := range x.m.step(s, p) {
			moved = true
			x.add(n.s, id, fmt.Sprintf("P%d %s", p, n.l))
		}
		if s.pc[p] != 0 && int(s.kills) < x.m.kills {
			n := x.m.kill(s, p)
			n.kills++
			x.add(n, id, fmt.Sprintf("P%d KILLED", p))
		}
	}
	if waiting && !moved {
		x.report("DEADLOCK", id, "nobody can go on")
	}
}

// misfortunes are what may befall the disk.
func (x *search) misfortunes(s S, id int32) {
	for t := 0; t < NT && int(s.rot) < x.m.rot; t++ {
		if s.tree>>t&1 != 0 {
			n := s
			n.rot++
			n.objs[t], n.objsD[t] = torn, torn
			x.add(n, id, fmt.Sprintf(".objects of tree %d GOES BAD", t))
		}
	}
	if int(s.power) < x.m.power {
		for _, n := range x.m.powercut(s) {
			x.add(n, id, fmt.Sprintf("POWER CUT (current=%d trees=%03b)", n.cur, n.tree))
		}
	}
}

// add takes a state that is new; one that breaks an invariant is not followed
// further.
func (x *search) add(n S, from int32, l string) {
	if _, ok := x.seen[n]; ok {
		return
	}
	x.seen[n] = struct{}{}
	bad := x.m.check(&n)
	if bad == 0 && x.m.leak(n) {
		bad = bLeak
	}
	if bad != 0 {
		var kinds []string
		for i, name := range names() {
			if bad>>i&1 != 0 {
				kinds = append(kinds, name)
			}
		}
		x.report(strings.Join(kinds, "+"), from, l)
		return
	}
	if _, ok := x.labels[l]; !ok {
		x.labels[l] = int16(len(x.texts))
		x.texts = append(x.texts, l)
	}
	x.recs = append(x.recs, step{from, x.labels[l]})
	x.queue, x.nums = append(x.queue, n), append(x.nums, int32(len(x.recs)-1))
}

// report keeps the first trace to a kind of violation.
func (x *search) report(kind string, i int32, last string) {
	if _, ok := x.viol[kind]; ok {
		return
	}
	trace := []string{last}
	for ; i > 0; i = x.recs[i].from {
		trace = append([]string{x.texts[x.recs[i].label]}, trace...)
	}
	x.viol[kind] = trace
}
