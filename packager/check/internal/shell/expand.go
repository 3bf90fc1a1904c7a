package shell

import (
	"maps"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// A choice gives each variable that has several values one of them.
type choice map[string]Text

// expand returns the lists of words that a command may have; arguments are those of
// the function that it stands in. A variable that stands in a command twice has the
// same value in both places.
func (s *Script) expand(words []*syntax.Word, arguments []Text) (all [][]Text) {
	for _, c := range s.choices(words) {
		scope := scope{s, c, arguments}
		var expanded []Text
		for _, w := range words {
			text, quoted := scope.word(w.Parts)
			if quoted || text.pattern != "" && !strings.ContainsAny(text.pattern, " \t\n") {
				expanded = append(expanded, text)
			} else {
				expanded = append(expanded, fields(text)...)
			}
		}
		all = append(all, expanded)
	}
	return all
}

// choices are all combinations of values of the variables that stand in words; where
// there are too many, one in which all of them are unknown.
func (s *Script) choices(words []*syntax.Word) []choice {
	names := make(map[string]bool)
	for _, w := range words {
		syntax.Walk(w, func(n syntax.Node) bool {
			if p, ok := n.(*syntax.ParamExp); ok && p.Param != nil && len(s.variables[p.Param.Value]) > 1 {
				names[p.Param.Value] = true
			}
			return true
		})
	}
	all := []choice{{}}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		var more []choice
		for _, c := range all {
			for _, v := range s.variables[name] {
				longer := maps.Clone(c)
				longer[name] = v
				more = append(more, longer)
			}
		}
		if all = more; len(all) > maxValues {
			none := make(choice)
			for name := range names {
				none[name] = Unknown()
			}
			return []choice{none}
		}
	}
	return all
}

// texts are those that one word may come to.
func (s *Script) texts(w *syntax.Word) (all []Text) {
	if w == nil {
		return []Text{{}}
	}
	for _, words := range s.expand([]*syntax.Word{w}, nil) {
		all = append(all, join(words))
	}
	return all
}

// fields are the words that the shell splits an unquoted text into.
func fields(t Text) (all []Text) {
	for _, field := range strings.Fields(t.pattern) {
		all = append(all, Text{field})
	}
	return all
}

func join(words []Text) Text {
	patterns := make([]string, len(words))
	for i, w := range words {
		patterns[i] = w.pattern
	}
	return Text{strings.Join(patterns, " ")}
}

// A scope is what the variables of a command come to.
type scope struct {
	*Script
	choice    choice
	arguments []Text // of the function that the command stands in
}

// word is what the parts of a word come to; quoted tells whether the word stays one,
// whatever it holds.
func (s scope) word(parts []syntax.WordPart) (text Text, quoted bool) {
	var out strings.Builder
	for _, part := range parts {
		switch p := part.(type) {
		case *syntax.Lit:
			out.WriteString(unescape(p.Value))
		case *syntax.SglQuoted:
			out.WriteString(p.Value)
			quoted = true
		case *syntax.DblQuoted:
			inner, _ := s.word(p.Parts)
			out.WriteString(inner.pattern)
			quoted = true
		case *syntax.ParamExp:
			out.WriteString(s.parameter(p).pattern)
		case *syntax.CmdSubst:
			out.WriteString(printed(p).pattern)
		default: // what a program prints, a calculation
			out.WriteString(Unknown().pattern)
		}
		if out.Len() > maxWord {
			return Unknown(), quoted
		}
	}
	return Text{out.String()}, quoted
}

// printed is what a command prints: mktemp prints a path outside of the folder that
// it runs in, if it is not told another one.
func printed(c *syntax.CmdSubst) Text {
	if len(c.Stmts) != 1 {
		return Unknown()
	}
	call, ok := c.Stmts[0].Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) == 0 || call.Args[0].Lit() != "mktemp" {
		return Unknown()
	}
	for _, w := range call.Args[1:] {
		if w.Lit() != "-d" && w.Lit() != "-q" && w.Lit() != "--directory" && w.Lit() != "--quiet" {
			return Unknown()
		}
	}
	return Text{"/tmp/*"}
}

// unescape takes the backslashes out of unquoted text.
func unescape(literal string) string {
	var out strings.Builder
	for i := 0; i < len(literal); i++ {
		if literal[i] == '\\' && i+1 < len(literal) {
			if i++; literal[i] == '\n' {
				continue
			}
		}
		out.WriteByte(literal[i])
	}
	return out.String()
}

// parameter is what a variable, or an expansion of one, comes to.
func (s scope) parameter(p *syntax.ParamExp) Text {
	if p.Param == nil || p.Excl || p.Length || p.Slice != nil || p.Repl != nil {
		return Unknown()
	}
	value, known := s.value(p.Param.Value)
	if p.Exp != nil {
		switch p.Exp.Op {
		case syntax.DefaultUnset, syntax.DefaultUnsetOrNull, syntax.AssignUnset, syntax.AssignUnsetOrNull:
			if !known && p.Exp.Word != nil {
				value, _ = s.word(p.Exp.Word.Parts)
				return value
			}
		case syntax.AlternateUnset, syntax.AlternateUnsetOrNull: // ${NAME:+--flag=$NAME}
			if !known || value.pattern == "" || value == Unknown() || p.Exp.Word == nil {
				return Unknown()
			}
			value, _ = s.word(p.Exp.Word.Parts)
			return value
		case syntax.ErrorUnset, syntax.ErrorUnsetOrNull:
		default:
			return Unknown()
		}
	}
	if !known {
		return Unknown()
	}
	return value
}

// value is that of a variable or of an argument, $1 to $9.
func (s scope) value(name string) (value Text, known bool) {
	if len(name) == 1 && name[0] >= '1' && name[0] <= '9' {
		if i := int(name[0] - '1'); i < len(s.arguments) {
			return s.arguments[i], true
		}
	}
	if value, known = s.choice[name]; known {
		return value, true
	}
	if values := s.variables[name]; len(values) == 1 {
		return values[0], true
	}
	return Text{}, false
}
