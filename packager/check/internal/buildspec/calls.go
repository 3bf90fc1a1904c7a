package buildspec

import (
	"encoding/json"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/document"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/shell"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// changesFolder reads cd. To the top of the repository it is no change: a script
// there often begins with cd "$(dirname "$0")".
func (r *reader) changesFolder(c call) (effects, bool) {
	if !c.Program().Is("cd", "pushd") {
		return effects{}, false
	}
	toTop := len(c.Words) == 2 && (c.Words[1].Is(".") ||
		strings.Contains(c.file.Line(c.above+c.Line), "dirname") && path.Dir(c.file.Name) == path.Clean(filepath.ToSlash(r.root)))
	return effects{moves: !toTop}, true
}

// inline reads the commands that a shell gets as a word: sh -c, and those of a trap.
func (r *reader) inline(c call) (effects, bool) {
	text, ok := c.Inline()
	if c.Program().Is("trap") && len(c.Words) > 2 && !strings.HasPrefix(c.Words[1].String(), "-") {
		text, ok = c.Words[1], true
	}
	if !ok {
		return effects{}, false
	}
	name := "sh -c"
	if c.Program().Is("trap") {
		name = "trap"
	}
	what := name
	name += " " + text.String()
	read, err := shell.Read(text.String(), r.Environ)
	if err != nil || !text.Known() || !r.mayRun(name) {
		return effects{opaque: what}, true
	}
	return effects{runs: []script{{name: name, read: read, file: document.Embedded(c.place(), text.String()), outer: c.read}}}, true
}

// scriptFile reads a script of the repository.
func (r *reader) scriptFile(c call) (effects, bool) {
	name, ok := c.ScriptFile()
	if !ok {
		return effects{}, false
	}
	if !r.mayRun(path.Clean(name)) {
		return effects{}, true
	}
	f, err := document.ReadText(r.root, name)
	if text, ok := r.written[path.Clean(name)]; ok {
		f, err = document.Embedded(c.place(), text), nil // the build writes it itself
	}
	var read *shell.Script
	if err == nil {
		read, err = shell.Read(f.Text(), r.Environ)
	}
	if err == nil {
		return effects{reads: f, runs: []script{{name: path.Clean(name), read: read, file: f, sourced: c.Sources()}}}, true
	}
	e := effects{opaque: name, setsMore: c.Sources()} // it may be no shell script, or be made by the build
	if errors.Is(err, os.ErrNotExist) && !r.Moves && !r.mayMake(name) {
		e.problem, e.missing = r.missing(c, name)
	}
	return e, true
}

// mayMake tells whether a command may make a file, or a folder that it lies in.
func (r *reader) mayMake(name string) bool {
	return slices.ContainsFunc(strings.Split(path.Clean(name), "/"), func(part string) bool { return r.made[part] })
}

// missing is the problem of a script that is not there: sure where there is one of
// nearly that name, else only where the build runs in this folder. There is none
// where a program may have brought the script in.
func (r *reader) missing(c call, name string) (sure, unsure *problem.Error) {
	folder := filepath.Dir(filepath.Join(r.root, filepath.FromSlash(name)))
	scripts, _ := filepath.Glob(filepath.Join(folder, "*.sh"))
	for _, other := range scripts {
		if problem.SameLetters(filepath.Base(other), path.Base(name)) {
			return c.place().Problem("", "there is "+filepath.ToSlash(other), "the build runs %s, and there is no such file", name), nil
		}
	}
	_, err := os.Stat(folder)
	// An environment's script is made by a program that has a folder of its own.
	installed := err != nil && (path.Ext(name) != ".sh" || slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool {
		return slices.Contains([]string{"node_modules", "vendor", "venv", ".venv", "env", ".bundle"}, part)
	}))
	if modules, err := document.ReadText(r.root, ".gitmodules"); err == nil {
		installed = installed || strings.Contains(modules.Text(), path.Dir(path.Clean(name)))
	}
	if r.Brings != nil || r.Opaque != nil || installed || strings.HasPrefix(name, "~") {
		return nil, nil
	}
	return nil, c.place().Problem("", "", "the build runs %s, and there is no such file", name)
}

// function reads a call of the script's own function, whose commands are calls of
// the script, too.
func (r *reader) function(c call) (effects, bool) {
	name := c.Words[0].String()
	return effects{}, c.read.Defines(name) || c.outer != nil && c.outer.Defines(name)
}

// npmScript reads a script of package.json, with those that npm runs before and
// after it, and those that it runs when it installs.
func (r *reader) npmScript(c call) (effects, bool) {
	if !c.Program().Is("npm", "yarn", "pnpm") {
		return effects{}, false
	}
	parts, installs := npmParts(c.Call)
	if installs && (r.Moves || hasFlag(c.Arguments(), "C", "--prefix", "--cwd", "--dir")) {
		return effects{brings: r.runsAtInstall(parts)}, true // in another folder
	}
	f, err := document.ReadText(r.root, "package.json")
	var npm struct{ Scripts map[string]string }
	if err != nil || r.Moves || json.Unmarshal([]byte(f.Text()), &npm) != nil {
		return effects{}, false
	}
	none := !slices.ContainsFunc(parts, func(part string) bool { return npm.Scripts[part] != "" })
	if none || !installs && npm.Scripts[parts[1]] == "" || !r.mayRun("npm run "+parts[1]) {
		return effects{}, false
	}
	e := effects{reads: f}
	for _, part := range parts {
		read, err := shell.Read(npm.Scripts[part], r.Environ)
		if err != nil {
			e.opaque = c.Words[0].String()
			continue
		}
		e.runs = append(e.runs, script{name: "npm run " + parts[1], read: read, file: f, above: lineOf(f, part) - 1, apart: true})
	}
	return e, true
}

// runsAtInstall tells whether a package.json of the repository may have one of these
// scripts.
func (r *reader) runsAtInstall(parts []string) bool {
	if r.packages == nil {
		r.packages = []string{""}
		found, _ := document.Find(r.root, "package.json")
		for _, name := range found[:min(len(found), 50)] {
			if f, err := document.ReadText(r.root, name); err == nil {
				r.packages = append(r.packages, f.Text())
			}
		}
	}
	return slices.ContainsFunc(r.packages, func(text string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, `"`+part+`"`) })
	})
}

// npmParts are the scripts of package.json that a call of npm runs, where they are
// there; none where it runs none. It installs where they are those of the package
// itself ("Life Cycle Operation Order").
func npmParts(c shell.Call) (parts []string, installs bool) {
	words := slices.DeleteFunc(slices.Clone(c.Arguments()), func(w shell.Text) bool { return strings.HasPrefix(w.String(), "-") })
	switch {
	case len(words) == 0 && !c.Program().Is("yarn"):
		return nil, false
	case len(words) == 0 || words[0].Is("ci", "clean-install", "i", "install"):
		other := len(words) > 1 && !hasFlag(c.Arguments(), "", "--prefix", "--cwd", "--dir") || hasFlag(c.Arguments(), "g", "--global")
		if other || hasFlag(c.Arguments(), "", "--ignore-scripts", "--version", "--help") {
			return nil, false // it installs other packages
		}
		return []string{"preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"}, true
	case len(words) > 1 && words[0].Is("run", "run-script"):
		words = words[1:]
	}
	name := words[0].String()
	return []string{"pre" + name, name, "post" + name}, false
}

// lineOf is the last line of package.json with a script's name in it.
func lineOf(f *document.File, script string) int {
	found := 1
	for i, line := range f.Lines {
		if strings.Contains(line, `"`+script+`"`) {
			found = i + 1
		}
	}
	return found
}

// harmless reads a call of a program that writes no template.
func (r *reader) harmless(c call) (effects, bool) {
	// What a file sets whose name is not known, is not known either.
	return effects{setsMore: c.Sources()}, isHarmless(c.Call)
}
