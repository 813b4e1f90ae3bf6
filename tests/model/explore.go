package main

import (
	"fmt"
	"strings"
)

// explore walks all states breadth first; it returns their number, whether that is all, and the shortest trace to each
// kind of violation.
func (m *M) explore(limit int, stopFirst bool) (int, bool, map[string][]string) {
	type rec struct {
		from  int32
		label int16
	}
	seen := map[S]struct{}{start(): {}}
	recs, queue, nums, head := []rec{{-1, 0}}, []S{start()}, []int32{0}, 0 // nums: the queue's indices into recs
	labels, texts := map[string]int16{}, []string{}
	viol := map[string][]string{}
	report := func(kind string, i int32, last string) {
		if _, ok := viol[kind]; ok {
			return
		}
		t := []string{last}
		for ; i > 0; i = recs[i].from {
			t = append([]string{texts[recs[i].label]}, t...)
		}
		viol[kind] = t
	}
	for head < len(queue) {
		if head == 1<<20 { // let the queue's head go
			queue, nums, head = append([]S(nil), queue[head:]...), append([]int32(nil), nums[head:]...), 0
		}
		s, id := queue[head], nums[head]
		head++
		add := func(n S, l string) {
			if _, ok := seen[n]; ok {
				return
			}
			seen[n] = struct{}{}
			bad := m.check(&n)
			if bad == 0 && m.leak(n) {
				bad = bLeak
			}
			if bad != 0 { // not followed further
				var k []string
				for i, x := range names() {
					if bad>>i&1 != 0 {
						k = append(k, x)
					}
				}
				report(strings.Join(k, "+"), id, l)
				return
			}
			if _, ok := labels[l]; !ok {
				labels[l] = int16(len(texts))
				texts = append(texts, l)
			}
			recs = append(recs, rec{id, labels[l]})
			queue, nums = append(queue, n), append(nums, int32(len(recs)-1))
		}
		waiting, moved := false, false
		for p, x := range m.procs {
			if x.kind == Idle || s.pc[p] == over {
				continue
			}
			waiting = true
			for _, n := range m.step(s, p) {
				moved = true
				add(n.s, fmt.Sprintf("P%d %s", p, n.l))
			}
			if s.pc[p] != 0 && int(s.kills) < m.kills {
				n := m.kill(s, p)
				n.kills++
				add(n, fmt.Sprintf("P%d KILLED", p))
			}
		}
		if waiting && !moved {
			report("DEADLOCK", id, "nobody can go on")
		}
		for t := 0; t < 3 && int(s.rot) < m.rot; t++ {
			if s.tree>>t&1 != 0 {
				n := s
				n.rot++
				n.objs[t], n.objsD[t] = torn, torn
				add(n, fmt.Sprintf(".objects of tree %d GOES BAD", t))
			}
		}
		if int(s.power) < m.power {
			for _, n := range m.powercut(s) {
				add(n, fmt.Sprintf("POWER CUT (current=%d trees=%03b)", n.cur, n.tree))
			}
		}
		if stopFirst && len(viol) > 0 || len(seen) > limit {
			return len(seen), false, viol
		}
	}
	return len(seen), true, viol
}
