package main

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// A call is one command that a script may run, with the words it may have.
type call struct {
	args []string // unknown stands for what only a run knows
	line int      // 1-based, in the script

	maybe bool // a condition decides whether it runs, or with which words
}

// unknown stands in a word for text that only a run of the script knows. As a
// glob it matches anything.
const unknown = "*"

// A script is read and not run: a build's commands are strangers' text. Each
// variable has all values that are written out for it anywhere, in
// assignments, in the words of a for loop, or in calls of a function; a command
// that uses it is one call for each.
type script struct {
	file      *syntax.File
	variables map[string][]string // the values that are known
	functions map[string]*syntax.FuncDecl
	sites     map[string][][]string // the arguments of each call of a function
	assigned  map[string]int        // how often a variable is set to a value

	anyEnviron bool // it sets variables that are not known
}

// What is read is bounded, as it is strangers' text.
const (
	maxScript = 128 << 10 // bytes of a script: so many bound its nesting too
	maxWord   = 16 << 10  // bytes of a word; a longer one is unknown
	maxCalls  = 200       // what one command is multiplied to
)

// readScript reads a shell script that runs with environ.
func readScript(text string, environ map[string]string) (*script, error) {
	if len(text) > maxScript {
		return nil, errors.New("it is too long to be read here")
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil {
		return nil, err
	}
	s := &script{
		file: file, variables: make(map[string][]string),
		functions: make(map[string]*syntax.FuncDecl), sites: make(map[string][][]string), assigned: make(map[string]int),
	}
	for name, v := range environ {
		s.variables[name] = []string{v}
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.FuncDecl:
			if n.Name != nil { // zsh has functions without
				s.functions[n.Name.Value] = n
			}
		case *syntax.Assign:
			if n.Name == nil && n.Value != nil { // export $(...)
				s.anyEnviron = true
			}
			if n.Name != nil && n.Value != nil {
				s.assigned[n.Name.Value]++
				s.assign(n.Name.Value, s.words(n.Value))
			}
			if n.Name != nil && n.Array != nil {
				for _, e := range n.Array.Elems {
					s.assign(n.Name.Value, s.words(e.Value))
				}
			}
		case *syntax.ForClause:
			if loop, ok := n.Loop.(*syntax.WordIter); ok && loop.Name != nil {
				for _, w := range loop.Items {
					for _, text := range s.words(w) {
						s.assign(loop.Name.Value, strings.Fields(text))
					}
				}
			}
		case *syntax.CallExpr:
			if len(n.Args) > 0 && s.functions[n.Args[0].Lit()] != nil {
				if name := n.Args[0].Lit(); len(s.sites[name]) < maxCalls {
					s.sites[name] = append(s.sites[name], s.expand(n.Args[1:], nil)...)
				}
			}
		}
		return true
	})
	return s, nil
}

func (s *script) assign(name string, values []string) {
	for _, v := range values {
		if !slices.Contains(s.variables[name], v) && len(s.variables[name]) < maxCalls {
			s.variables[name] = append(s.variables[name], v)
		}
	}
}

// writes are the names of the files that redirections write.
func (s *script) writes() (names []string) {
	syntax.Walk(s.file, func(n syntax.Node) bool {
		if r, ok := n.(*syntax.Redirect); ok && r.Word != nil && len(names) < maxCalls {
			switch r.Op {
			case syntax.RdrOut, syntax.AppOut, syntax.RdrClob, syntax.RdrAll, syntax.AppAll:
				names = append(names, s.words(r.Word)...)
			}
		}
		return true
	})
	return names
}

// calls returns every command of the script, in its order.
func (s *script) calls() (all []call) {
	var within *syntax.FuncDecl
	condition := uint(0) // where the last one ends
	syntax.Walk(s.file, func(n syntax.Node) bool {
		if f, ok := n.(*syntax.FuncDecl); ok && f.Name != nil && s.functions[f.Name.Value] == f {
			within = f
		}
		switch n.(type) {
		case *syntax.IfClause, *syntax.CaseClause:
			condition = max(condition, n.End().Offset())
		}
		c, ok := n.(*syntax.CallExpr)
		if !ok || len(c.Args) == 0 {
			return true
		}
		maybe := c.Pos().Offset() < condition
		syntax.Walk(c, func(n syntax.Node) bool {
			p, ok := n.(*syntax.ParamExp)
			maybe = maybe || ok && p.Param != nil && s.assigned[p.Param.Value] > 1
			return true
		})
		sites := [][]string{nil}
		if len(all) >= 50*maxCalls {
			return false
		}
		if within != nil && c.Pos().Offset() < within.End().Offset() {
			sites = s.sites[within.Name.Value]
		}
		for _, site := range sites {
			for _, args := range s.expand(c.Args, site) {
				if len(args) > 0 && len(all) < 50*maxCalls {
					all = append(all, call{args, int(c.Pos().Line()), maybe})
				}
			}
		}
		return true
	})
	return all
}

// expand returns the word lists that a command may have: a variable that stands
// in it twice has the same value in both places.
func (s *script) expand(words []*syntax.Word, site []string) [][]string {
	names := make(map[string]bool)
	for _, w := range words {
		syntax.Walk(w, func(n syntax.Node) bool {
			if p, ok := n.(*syntax.ParamExp); ok && p.Param != nil && len(s.variables[p.Param.Value]) > 1 {
				names[p.Param.Value] = true
			}
			return true
		})
	}
	choices := []map[string]string{{}}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		var more []map[string]string
		for _, choice := range choices {
			for _, v := range s.variables[name] {
				c := maps.Clone(choice)
				c[name] = v
				more = append(more, c)
			}
		}
		if choices = more; len(choices) > maxCalls {
			none := make(map[string]string)
			for name := range names {
				none[name] = unknown
			}
			choices = []map[string]string{none}
			break
		}
	}
	var all [][]string
	for _, choice := range choices {
		var args []string
		for _, w := range words {
			text, quoted := s.word(w.Parts, choice, site)
			if quoted || text != "" && !strings.ContainsAny(text, " \t\n") {
				args = append(args, text)
			} else {
				args = append(args, strings.Fields(text)...)
			}
		}
		all = append(all, args)
	}
	return all
}

// words are the texts that one word may have.
func (s *script) words(w *syntax.Word) (texts []string) {
	if w == nil {
		return []string{""}
	}
	for _, args := range s.expand([]*syntax.Word{w}, nil) {
		texts = append(texts, strings.Join(args, " "))
	}
	return texts
}

// word is the text of a word under one choice of variables' values; quoted
// tells whether it stays one word.
func (s *script) word(parts []syntax.WordPart, choice map[string]string, site []string) (text string, quoted bool) {
	var out strings.Builder
	for _, part := range parts {
		switch p := part.(type) {
		case *syntax.Lit:
			out.WriteString(unescape(p.Value))
		case *syntax.SglQuoted:
			out.WriteString(p.Value)
			quoted = true
		case *syntax.DblQuoted:
			inner, _ := s.word(p.Parts, choice, site)
			out.WriteString(inner)
			quoted = true
		case *syntax.ParamExp:
			out.WriteString(s.parameter(p, choice, site))
		default:
			out.WriteString(unknown)
		}
		if out.Len() > maxWord {
			return unknown, quoted
		}
	}
	return out.String(), quoted
}

// unescape takes the backslashes out of unquoted text.
func unescape(lit string) string {
	var out strings.Builder
	for i := 0; i < len(lit); i++ {
		if lit[i] == '\\' && i+1 < len(lit) {
			if i++; lit[i] == '\n' {
				continue
			}
		}
		out.WriteByte(lit[i])
	}
	return out.String()
}

func (s *script) parameter(p *syntax.ParamExp, choice map[string]string, site []string) string {
	if p.Param == nil || p.Excl || p.Length || p.Slice != nil || p.Repl != nil {
		return unknown
	}
	name := p.Param.Value
	value, known := choice[name]
	if !known && len(s.variables[name]) == 1 {
		value, known = s.variables[name][0], true
	}
	if len(name) == 1 && name[0] >= '1' && name[0] <= '9' {
		if i := int(name[0] - '1'); i < len(site) {
			value, known = site[i], true
		}
	}
	if p.Exp != nil {
		switch p.Exp.Op {
		case syntax.DefaultUnset, syntax.DefaultUnsetOrNull, syntax.AssignUnset, syntax.AssignUnsetOrNull:
			if !known && p.Exp.Word != nil {
				value, _ = s.word(p.Exp.Word.Parts, choice, site)
				return value
			}
		case syntax.ErrorUnset, syntax.ErrorUnsetOrNull:
		default:
			return unknown
		}
	}
	if !known {
		return unknown
	}
	return value
}

// called is the name of the program that a call runs, without its folder.
func (c call) called() string { return path.Base(c.args[0]) }

// packages tells whether a call is aws cloudformation package or sam package.
func (c call) packages() bool {
	return len(c.args) > 2 && c.called() == "aws" && slices.Contains(c.args, "cloudformation") && slices.Contains(c.args, "package") ||
		len(c.args) > 1 && c.called() == "sam" && c.args[1] == "package"
}

// harmless tells whether a call writes no template but one that its words name:
// what a shell, installers and the tools beside them do.
func (c call) harmless() bool {
	switch c.called() {
	case "[", "[[", ":", ".", "alias", "apk", "apt", "apt-get", "brew", "cat", "cd", "chmod", "chown", "command", "cp", "curl",
		"date", "df", "dirname", "dnf", "du", "echo", "env", "exit", "false", "file", "find", "git",
		"grep", "head", "hostname", "id", "jq", "ls", "md5sum", "mkdir", "mktemp", "mrpackage", "mv", "nvm",
		"openssl", "pip", "pip3", "popd", "printenv", "printf", "pushd", "pwd", "return", "rm", "rmdir", "sed", "set",
		"sha256sum", "shasum", "shellcheck", "sleep", "sort", "source", "sudo", "tail", "tar", "tee", "test", "time", "touch",
		"tr", "trap", "true", "type", "ulimit", "umask", "uname", "uniq", "unset", "unzip", "wait", "wc", "wget", "which",
		"whoami", "yum", "zip":
		return true
	case "npm", "yarn", "pnpm":
		return len(c.args) == 1 || slices.Contains([]string{"i", "ci", "install", "audit", "config", "prune", "cache", "version"}, c.args[1])
	case "aws":
		return true
	case "go":
		return len(c.args) > 1 && slices.Contains([]string{"build", "env", "install", "mod", "test", "version", "vet"}, c.args[1])
	case "python", "python3":
		return len(c.args) > 2 && c.args[1] == "-m" && slices.Contains([]string{"pip", "venv"}, c.args[2])
	}
	return false
}

// fetches tells whether a call brings in files whose names are not its words.
func (c call) fetches() bool {
	switch c.called() {
	case "unzip":
		return true
	case "git":
		return len(c.args) > 1 && slices.Contains([]string{"clone", "submodule", "pull", "checkout"}, c.args[1])
	case "tar":
		return !slices.Contains(c.args, "-C") && !slices.ContainsFunc(c.args, func(a string) bool { return strings.HasPrefix(a, "--directory") })
	case "aws":
		return slices.Contains(c.args, "s3") || slices.Contains(c.args, "s3api")
	}
	return false
}

// inline tells whether a shell gets its commands as a word: sh -c, bash -ec.
func (c call) inline() bool {
	switch c.called() {
	case "bash", "sh", "dash", "ksh", "zsh":
		return len(c.args) > 2 && strings.HasPrefix(c.args[1], "-") && strings.HasSuffix(c.args[1], "c")
	}
	return false
}

// scriptFile is the script that a call runs: ./build.sh, bash build.sh, or
// . build.sh; "" where it runs none.
func (c call) scriptFile() string {
	args := c.args
	switch c.called() {
	case "bash", "sh", "dash", "ksh", "zsh", "source", ".":
		args = args[1:]
		for len(args) > 0 && strings.HasPrefix(args[0], "-") && !c.inline() {
			if strings.HasSuffix(args[0], "o") && len(args) > 1 { // -o pipefail, -eo pipefail
				args = args[1:]
			}
			args = args[1:]
		}
		if len(args) == 0 || c.inline() || strings.Contains(args[0], unknown) {
			return ""
		}
		return args[0]
	}
	if strings.HasSuffix(args[0], ".sh") && strings.Contains(args[0], "/") && !strings.Contains(args[0], unknown) {
		return args[0]
	}
	return ""
}
