package shell

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// A Call is one command that a script may run.
type Call struct {
	Words []Text // the program, and what it is given; one at least
	Line  int    // in the script, counted from 1
	Maybe bool   // a condition decides whether it runs, or with which words
}

// Calls returns every command of the script, in its order.
func (s *Script) Calls() []Call {
	var all []Call
	var within *syntax.FuncDecl
	condition := uint(0) // where the last one ends
	syntax.Walk(s.file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.FuncDecl:
			if n.Name != nil && s.functions[n.Name.Value] == n {
				within = n
			}
		case *syntax.IfClause, *syntax.CaseClause:
			condition = max(condition, n.End().Offset())
		case *syntax.CallExpr:
			if len(n.Args) == 0 {
				break
			}
			if len(all) >= maxCalls {
				return false
			}
			arguments := [][]Text{nil}
			if within != nil && n.Pos().Offset() < within.End().Offset() {
				arguments = s.arguments[within.Name.Value]
			}
			maybe := n.Pos().Offset() < condition || s.varies(n)
			all = append(all, s.callsOf(n, arguments, maybe, maxCalls-len(all))...)
		}
		return true
	})
	return all
}

// callsOf are the calls that one command stands for; arguments are those of each
// call of the function that it stands in.
func (s *Script) callsOf(n *syntax.CallExpr, arguments [][]Text, maybe bool, most int) (all []Call) {
	for _, one := range arguments {
		for _, words := range s.expand(n.Args, one) {
			if len(words) > 0 && len(all) < most {
				all = append(all, Call{words, int(n.Pos().Line()), maybe})
			}
		}
	}
	return all
}

// varies tells whether a command uses a variable that is set more than once.
func (s *Script) varies(c *syntax.CallExpr) (yes bool) {
	syntax.Walk(c, func(n syntax.Node) bool {
		p, ok := n.(*syntax.ParamExp)
		yes = yes || ok && p.Param != nil && s.assigned[p.Param.Value] > 1
		return true
	})
	return yes
}

// Program is the name of the program, without its folder.
func (c Call) Program() Text { return c.Words[0].Base() }

// Arguments are the words behind the program.
func (c Call) Arguments() []Text { return c.Words[1:] }

// Has tells whether one of the words is this one.
func (c Call) Has(word string) bool {
	for _, w := range c.Words {
		if w.Is(word) {
			return true
		}
	}
	return false
}

// isShell tells whether a program is a shell, which runs scripts.
func isShell(program Text) bool { return program.Is("bash", "sh", "dash", "ksh", "zsh") }

// Sources tells whether the call runs a script within the shell that calls it,
// whose variables the script then sets.
func (c Call) Sources() bool { return c.Program().Is("source", ".") }

// Inline is the script that a shell gets as a word: sh -c, bash -ec.
func (c Call) Inline() (script Text, ok bool) {
	if !isShell(c.Program()) || len(c.Words) < 3 {
		return Text{}, false
	}
	if options := c.Words[1].String(); !strings.HasPrefix(options, "-") || !strings.HasSuffix(options, "c") {
		return Text{}, false
	}
	return c.Words[2], true
}

// ScriptFile is the script that the call runs: ./build.sh, bash build.sh, or
// . build.sh. There is none where its name is not known.
func (c Call) ScriptFile() (name string, ok bool) {
	words := c.Words
	switch {
	case isShell(c.Program()) || c.Sources():
		if _, inline := c.Inline(); inline {
			return "", false
		}
		words = withoutOptions(words[1:])
		if len(words) == 0 {
			return "", false
		}
	case !strings.HasSuffix(words[0].String(), ".sh") || !strings.Contains(words[0].String(), "/"):
		return "", false
	}
	return words[0].String(), words[0].Known() && words[0] != Text{}
}

// withoutOptions takes off a shell's own options: -e, -o pipefail, -eo pipefail.
func withoutOptions(words []Text) []Text {
	for len(words) > 0 && strings.HasPrefix(words[0].String(), "-") {
		if strings.HasSuffix(words[0].String(), "o") && len(words) > 1 {
			words = words[1:]
		}
		words = words[1:]
	}
	return words
}
