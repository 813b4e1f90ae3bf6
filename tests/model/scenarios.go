package main

import (
	"fmt"
	"reflect"
	"strings"
)

// scenario says who takes part, and how often what may go wrong.
type scenario struct {
	name                   string
	procs                  [NP]Proc
	kills, power, eio, rot int
}

func scenarios() []scenario {
	return []scenario{
		{"inst TA, inst TB, gc, rollback 1", [NP]Proc{{Inst, 1}, {Inst, 2}, {GC, 0}, {Rollback, 1}}, 1, 1, 0, 0},
		{"inst TA, inst TA, gc", [NP]Proc{{Inst, 1}, {Inst, 1}, {GC, 0}}, 1, 1, 1, 0},
		{"inst TA, inst TB, gc", [NP]Proc{{Inst, 1}, {Inst, 2}, {GC, 0}}, 0, 1, 1, 0},
		{"inst T0, inst TA, gc, rollback 1", [NP]Proc{{Inst, 0}, {Inst, 1}, {GC, 0}, {Rollback, 1}}, 0, 1, 0, 0},
		{"inst TA, gc, gc, rollback 2", [NP]Proc{{Inst, 1}, {GC, 0}, {GC, 0}, {Rollback, 2}}, 2, 1, 0, 0},
		{"program, gc, gc, inst T0", [NP]Proc{{Program, 0}, {GC, 0}, {GC, 0}, {Inst, 0}}, 2, 1, 0, 0},
		{"pack T0 TA, inst T0, gc", [NP]Proc{{Pack, 3}, {Inst, 0}, {GC, 0}}, 1, 1, 0, 0},
		{"pack TA TB, inst TA, gc", [NP]Proc{{Pack, 6}, {Inst, 1}, {GC, 0}}, 1, 1, 1, 0},
		{"pack TA TB, pack TA TB, gc", [NP]Proc{{Pack, 6}, {Pack, 6}, {GC, 0}}, 1, 1, 0, 0},
		{"pack T0 TA, inst TB, gc", [NP]Proc{{Pack, 3}, {Inst, 2}, {GC, 0}}, 1, 0, 0, 1},
		{"inst TA, inst TB, inst TA, gc", [NP]Proc{{Inst, 1}, {Inst, 2}, {Inst, 1}, {GC, 0}}, 0, 1, 0, 0},
	}
}

func (sc scenario) model(r Rules) *M {
	return &M{r, sc.procs, sc.kills, sc.power, sc.eio, sc.rot}
}

// rules are all rules but those named in off, joined by +.
func rules(off string) (r Rules, err error) {
	v := reflect.ValueOf(&r).Elem()
	for i := range v.NumField() {
		v.Field(i).SetBool(true)
	}
	for n := range strings.SplitSeq(off, "+") {
		f := v.FieldByName(n)
		if n != "" && !f.IsValid() {
			return r, fmt.Errorf("no such rule: %s", n)
		}
		if n != "" {
			f.SetBool(false)
		}
	}
	return r, nil
}

// ruleNames lists the rules in the order of design.md.
func ruleNames() (list []string) {
	t := reflect.TypeFor[Rules]()
	for i := range t.NumField() {
		list = append(list, t.Field(i).Name)
	}
	return list
}
