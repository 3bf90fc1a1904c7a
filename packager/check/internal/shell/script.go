// Package shell reads shell scripts and does not run them: a build's commands are
// strangers' text. It tells which commands a script may run, with which words, as
// far as that stands in the script.
//
// Each variable has all values that are written out for it anywhere in a script: in
// assignments, in the words of a for loop, in calls of a function. A command that
// uses a variable of several values is one [Call] for each of them.
package shell

import (
	"errors"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// A Script is one that was read.
type Script struct {
	file      *syntax.File
	variables map[string][]Text
	functions map[string]*syntax.FuncDecl
	arguments map[string][][]Text // of each call of a function
	assigned  map[string]int      // how often a variable is set to a value

	exportsUnknown bool
}

// What is read is bounded, as it is strangers' text.
const (
	maxScript = 128 << 10      // bytes of a script: so many bound its nesting, too
	maxWord   = 16 << 10       // bytes of a word; a longer one is unknown
	maxValues = 200            // of a variable; calls that one command is multiplied to
	maxCalls  = 50 * maxValues // of a script
)

// Read reads a script that runs with these variables of the environment.
func Read(text string, environ map[string]Text) (*Script, error) {
	if len(text) > maxScript {
		return nil, errors.New("it is too long to be read here")
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil {
		return nil, err
	}
	s := &Script{
		file: file, variables: make(map[string][]Text),
		functions: make(map[string]*syntax.FuncDecl), arguments: make(map[string][][]Text), assigned: make(map[string]int),
	}
	for name, v := range environ {
		s.variables[name] = []Text{v}
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		s.learn(n)
		return true
	})
	return s, nil
}

// learn takes in what a part of the script says of variables and functions.
func (s *Script) learn(n syntax.Node) {
	switch n := n.(type) {
	case *syntax.FuncDecl:
		if n.Name != nil { // zsh has functions without
			s.functions[n.Name.Value] = n
		}
	case *syntax.Assign:
		s.learnAssignment(n)
	case *syntax.ForClause:
		loop, ok := n.Loop.(*syntax.WordIter)
		if !ok || loop.Name == nil {
			return
		}
		for _, w := range loop.Items {
			for _, text := range s.texts(w) {
				s.assign(loop.Name.Value, fields(text))
			}
		}
	case *syntax.CallExpr:
		if len(n.Args) == 0 || s.functions[n.Args[0].Lit()] == nil {
			return
		}
		if name := n.Args[0].Lit(); len(s.arguments[name]) < maxValues {
			s.arguments[name] = append(s.arguments[name], s.expand(n.Args[1:], nil)...)
		}
	}
}

func (s *Script) learnAssignment(n *syntax.Assign) {
	if n.Name == nil {
		s.exportsUnknown = s.exportsUnknown || n.Value != nil // export $(...)
		return
	}
	if n.Value != nil {
		s.assigned[n.Name.Value]++
		s.assign(n.Name.Value, s.texts(n.Value))
	}
	if n.Array != nil {
		for _, e := range n.Array.Elems {
			s.assign(n.Name.Value, s.texts(e.Value))
		}
	}
}

func (s *Script) assign(name string, values []Text) {
	for _, v := range values {
		if !slices.Contains(s.variables[name], v) && len(s.variables[name]) < maxValues {
			s.variables[name] = append(s.variables[name], v)
		}
	}
}

// Variables are the script's variables at its end, those of the environment among
// them. One that may have several values is unknown.
func (s *Script) Variables() map[string]Text {
	all := make(map[string]Text)
	for name, values := range s.variables {
		all[name] = Unknown()
		if len(values) == 1 {
			all[name] = values[0]
		}
	}
	return all
}

// ExportsUnknown tells whether the script exports variables whose very names only a
// run knows.
func (s *Script) ExportsUnknown() bool { return s.exportsUnknown }

// Defines tells whether the script has a function of this name.
func (s *Script) Defines(name string) bool { return s.functions[name] != nil }

// Writes are the files that the script's redirections write.
func (s *Script) Writes() (names []Text) {
	syntax.Walk(s.file, func(n syntax.Node) bool {
		if r, ok := n.(*syntax.Redirect); ok && r.Word != nil && len(names) < maxValues {
			switch r.Op {
			case syntax.RdrOut, syntax.AppOut, syntax.RdrClob, syntax.RdrAll, syntax.AppAll:
				names = append(names, s.texts(r.Word)...)
			}
		}
		return true
	})
	return names
}

// A Document is a file whose whole text stands in a script: cat > FILE <<'END'.
type Document struct{ Name, Text string }

// Documents are those of the script, as far as their names and texts are known.
func (s *Script) Documents() (all []Document) {
	syntax.Walk(s.file, func(n syntax.Node) bool {
		stmt, ok := n.(*syntax.Stmt)
		if !ok {
			return true
		}
		if call, ok := stmt.Cmd.(*syntax.CallExpr); !ok || len(call.Args) != 1 || call.Args[0].Lit() != "cat" {
			return true
		}
		var d Document
		text := false
		for _, r := range stmt.Redirs {
			switch {
			case r.Hdoc != nil && len(r.Hdoc.Parts) == 1:
				var lit *syntax.Lit
				if lit, text = r.Hdoc.Parts[0].(*syntax.Lit); text {
					d.Text = lit.Value
				}
			case r.Op == syntax.RdrOut && r.Word != nil:
				d.Name = r.Word.Lit()
			}
		}
		if text && d.Name != "" && len(all) < maxValues {
			all = append(all, d)
		}
		return true
	})
	return all
}
