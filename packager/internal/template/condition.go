package template

import (
	"slices"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/syntax"
)

// A truth is what is known of a condition.
type truth uint8

const (
	perhaps truth = iota
	never
	always
)

func (t truth) not() truth { return [...]truth{perhaps: perhaps, never: always, always: never}[t] }

// maxConditions bounds the conditions that one value's outcomes are tried for: each of them
// doubles the outcomes.
const maxConditions = 6

// condition tells what is known of a condition in this stack, "" being none. open are those
// that are being looked at.
func (e *evaluator) condition(name string, open []string) truth {
	if name == "" {
		return always
	}
	if e.whatever {
		return perhaps
	}
	n := e.t.doc.Root.Get("Conditions").Get(name)
	if n == nil || slices.Contains(open, name) || len(open) > maxConditions {
		return perhaps
	}
	return e.judge(n, append(open, name))
}

// judge tells what is known of the functions that conditions are made of.
func (e *evaluator) judge(n *syntax.Node, open []string) truth {
	name, argument := functionOf(n)
	if name == "" && n.Kind == syntax.Mapping && len(n.Keys) == 1 && n.Keys[0].Value == "Condition" {
		name, argument = "Condition", n.Values[0]
	}
	switch {
	case name == "Condition" && argument.Kind == syntax.Scalar:
		return e.condition(argument.Value, open)
	case name == "Equals" && isList(argument, 2):
		a, b := e.outcome(argument.Values[0]), e.outcome(argument.Values[1])
		switch {
		case len(a.holes())+len(b.holes()) > 0:
			return perhaps
		case a.text() == b.text():
			return always
		}
		return never
	case name == "Not" && isList(argument, 1):
		return e.judge(argument.Values[0], open).not()
	case (name == "And" || name == "Or") && isList(argument, -1) && len(argument.Values) <= 10: // CloudFormation's bound
		decides := never
		if name == "Or" {
			decides = always
		}
		return e.judgeAll(argument.Values, decides, open)
	}
	return perhaps
}

// judgeAll is And or Or: one condition that decides is enough, and else all must be known.
func (e *evaluator) judgeAll(conditions []*syntax.Node, decides truth, open []string) truth {
	known := true
	for _, v := range conditions {
		t := e.judge(v, open)
		if t == decides {
			return decides
		}
		known = known && t != perhaps
	}
	if !known {
		return perhaps
	}
	return decides.not()
}

// choices are all that a value can come to by the Fn::If in it: one outcome for each of
// those of the conditions of which nothing is known. ok is false where these are too many.
func (e *evaluator) choices(n *syntax.Node) (all []*syntax.Node, ok bool) {
	decided := make(map[string]truth)
	var open []string
	var look func(n *syntax.Node)
	look = func(n *syntax.Node) {
		if isIf(n) {
			list, _ := branchesOf(n, nil)
			name := list.Values[0].Value
			if _, known := decided[name]; !known {
				if decided[name] = e.condition(name, nil); decided[name] == perhaps {
					open = append(open, name)
				}
			}
		}
		for _, v := range n.Values {
			look(v)
		}
	}
	look(n)
	if len(open) > maxConditions || !e.spend(n, 1<<len(open)) {
		return nil, false
	}
	for bits := range 1 << len(open) {
		for i, name := range open {
			decided[name] = never
			if bits&(1<<i) == 0 {
				decided[name] = always
			}
		}
		all = append(all, chosenBy(n, decided))
	}
	return all, true
}

// chosenBy is a value without Fn::If, where conditions are decided.
func chosenBy(n *syntax.Node, decided map[string]truth) *syntax.Node {
	for isIf(n) {
		list, _ := branchesOf(n, nil)
		if decided[list.Values[0].Value] == always {
			n = list.Values[1]
		} else {
			n = list.Values[2]
		}
	}
	c := *n
	c.Values = make([]*syntax.Node, len(n.Values))
	for i, v := range n.Values {
		c.Values[i] = chosenBy(v, decided)
	}
	return &c
}
